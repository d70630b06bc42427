#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The rhea authors
"""The command line: one row a command, what it says and its exit code.

    test-cli.py PROGRAM [SUBSTRING]      PROGRAM: a rhea-system-riscv64

A row is (arguments, expected, exit code). `expected` is a regular expression that must match the whole of standard error
(one line, without the program's name in front and the newline), or, if it starts with "stdout:", be found in standard output.
In arguments, {dir} is a scratch folder with the files made in setup(). Exit code None: the program goes on running, and ends
by SIGTERM with its message and code 0.
"""
import gzip
import os
import re
import shlex
import signal
import struct
import subprocess
import sys
import tempfile

ID_RULE = r"Parameter 'id' expects an identifier.*"
SIZE_RULE = r"Parameter '%s' expects a non-negative number below 2\^64 with an optional suffix k, M, G, T, P or E, not '%s'"

CASES = [
    # Questions
    ("-help", r"stdout:^-machine \[type=\]name", 0),
    ("-h", r"stdout:^usage: ", 0),
    ("--help", r"stdout:^-nographic ", 0),
    ("-display none -help", r"stdout:^-nodefaults ", 0),
    ("-version", r"stdout:^rhea emulator version \d+\.\d+\.\d+", 0),
    ("-machine help", r"stdout:^none                 empty machine", 0),
    ("-M ?", r"stdout:^Supported machines are:", 0),
    ("-cpu help", r"stdout:^  rv64$", 0),
    ("-M none,help", r"stdout:^none-machine options:", 0),
    ("-device help", r'stdout:^name "loader", bus System', 0),
    ("-device ?", r'stdout:^name "loader", bus System', 0),
    ("-device loader,help", r"stdout:^  cpu-num=<uint32> ", 0),
    ("-device loader,?", r"stdout:^loader options:", 0),
    ("-device nosuch,help", r"-device nosuch,help: Device 'nosuch' not found", 1),
    ("-chardev help", r"stdout:^  socket$", 0),
    ("-chardev socket,help", r"stdout:^  reconnect-ms=N$", 0),
    ("-chardev foo,help", r"-chardev foo,help: 'foo' is not a valid char driver name", 1),
    ("-object help", r"stdout:^  rng-random$", 0),
    ("-accel help", r"stdout:^tcg$", 0),
    ("-d help", r"stdout:^in_asm ", 0),
    ("-L help", r"stdout:^/usr/share/qemu$", 0),
    ("-L {dir} -L help", r"stdout:^{dir}$", 0),
    ("-display help", r"stdout:^none$", 0),

    # Options as such
    ("-nosuch", r"-nosuch: invalid option", 1),
    ("--nosuch", r"--nosuch: invalid option", 1),
    ("-kernel", r"-kernel: requires an argument", 1),
    ("--M", r"--M: requires an argument", 1),
    ("", r"No machine specified, and there is no default \(use -machine help to list supported machines\)", 1),
    ("-M nosuch", r'unsupported machine type: "nosuch" \(use -machine help to list supported machines\)', 1),
    ("-machine type=nosuch", r'unsupported machine type: "nosuch".*', 1),
    ("-M none,nosuch=1", r"Property 'none-machine\.nosuch' not found", 1),
    ("-M none,mem-merge=2", r"Property 'mem-merge' expects.*|Parameter 'mem-merge' expects 'on' or 'off'", 1),
    ("-M none,memory=1G", r"Invalid parameter type for 'memory', expected: object .*", 1),
    ("-M none,memory.size=foo", r".*" + SIZE_RULE % ("size", "foo"), 1),
    ("-M none,smp.cpus=3", r"Invalid SMP CPUs 3\..*", 1),
    ("-M none,boot.order=z", r"Invalid boot device 'z'", 1),
    ("-M none,usb=on", r"machine type 'none' has no USB controller \(usb=on\)", 1),
    ("-M none -gdb tcp::1234", r"-gdb tcp::1234: this option is not supported yet", 1),
    ("-M none -s", r"-s: this option is not supported yet", 1),
    ("-M none -vnc :1", r"-vnc :1: this option is not supported yet", 1),
    ("-M none -semihosting-config enable=maybe", r"Parameter 'enable' expects 'on' or 'off'", 1),
    ("-M none -semihosting-config target=gdb", r"target=gdb needs a debugger connection, which is not supported yet", 1),
    ("-M none -semihosting-config nosuch=1", r"Invalid parameter 'nosuch'", 1),
    ("-M none -semihosting-config chardev=nosuch", r"-semihosting-config: chardev 'nosuch' not found", 1),

    # Accelerator
    ("-M none,accel=nosuch", r"invalid accelerator nosuch", 1),
    ("-M none -accel nosuch", r"-accel nosuch: invalid accelerator nosuch", 1),
    ("-M none -enable-kvm", r"invalid accelerator kvm", 1),

    # Sizes and numbers
    ("-M none -m foo", r"-m foo: " + SIZE_RULE % ("size", "foo"), 1),
    ("-M none -m -1", r"-m -1: " + SIZE_RULE % ("size", "-1"), 1),
    ("-M none -m 99999999T", r"-m 99999999T: Value '99999999T' is out of range for parameter 'size'", 1),
    ("-M none -m 1G,foo=1", r"-m 1G,foo=1: Invalid parameter 'foo'", 1),
    ("-M none -m 128M,maxmem=64M", r"-m 128M,maxmem=64M: invalid value of maxmem: maximum memory size \(0x4000000\) must be "
     r"at least the initial memory size \(0x8000000\)", 1),
    ("-M none -seed foo", r"-seed foo: Parameter 'seed' expects a non-negative number, not 'foo'", 1),
    ("-M none -uuid foo", r"-uuid foo: failed to parse UUID string: wrong format .*", 1),
    ("-M none -echr foo", r"-echr foo: Bad argument to echr .*", 1),
    ("-M none -echr 256", r"-echr 256: Bad argument to echr .*", 1),

    # -smp
    ("-M none -smp 0", r"Invalid CPU topology: CPU topology parameters must be greater than zero", 1),
    ("-M none -smp 2,cores=0", r"Invalid CPU topology: CPU topology parameters must be greater than zero", 1),
    ("-M none -smp foo", r"Parameter 'smp\.cpus' expects a positive number, not 'foo'", 1),
    ("-M none -smp foo=1", r"Parameter 'smp\.foo' is unexpected", 1),
    ("-M none -smp 9999", r"Invalid SMP CPUs 9999\. The max CPUs supported by machine 'none' is 1", 1),
    ("-M none -smp cores=3,sockets=2,cpus=5", r"Invalid CPU topology: product of the hierarchy must match maxcpus: "
     r"sockets \(2\) \* cores \(3\) \* threads \(0\) != maxcpus \(5\)", 1),
    ("-M none -smp 4,maxcpus=2", r"Invalid CPU topology: maxcpus must be equal to or greater than smp: maxcpus \(2\) < smp_cpus \(4\)", 1),
    ("-M none -smp 4,dies=2", r"dies > 1 not supported by this machine's CPU topology", 1),
    ("-M none -smp 5,sockets=2", r"Invalid CPU topology: product of the hierarchy .* sockets \(2\) \* cores \(2\) \* threads \(1\) != maxcpus \(5\)", 1),

    # Clocks and actions
    ("-M none -rtc base=foo", r"-rtc base=foo: invalid datetime format 'foo' .*", 1),
    ("-M none -rtc clock=foo", r"-rtc clock=foo: Parameter 'clock' does not accept value 'foo' \(valid: host, rt, vm\)", 1),
    ("-M none -rtc foo=1", r"-rtc foo=1: Invalid parameter 'foo'", 1),
    ("-M none -icount foo", r"-icount foo: icount: Invalid shift value 'foo' .*", 1),
    ("-M none -icount shift=20", r"-icount shift=20: icount: Invalid shift value '20' .*", 1),
    ("-M none -icount sleep=on", r"-icount sleep=on: shift must be specified when using icount", 1),
    ("-M none -icount auto,sleep=off", r"-icount auto,sleep=off: shift=auto and sleep=off are incompatible", 1),
    ("-M none -action foo=1", r"-action foo=1: Invalid parameter 'foo'", 1),
    ("-M none -watchdog-action foo", r"-watchdog-action foo: Parameter 'watchdog' does not accept value 'foo' .*", 1),
    ("-M none -action reboot=foo", r"-action reboot=foo: Parameter 'reboot' does not accept value 'foo' .*", 1),
    ("-M none -boot order=z", r"-boot order=z: Invalid boot device 'z'", 1),
    ("-M none -boot foo", r"-boot foo: Boot device 'o' was given twice", 1),

    # Log
    ("-M none -d foo", r"-d foo: unknown log item 'foo' \(use '-d help' for a list\)", 1),
    ("-M none -dfilter foo", r"-dfilter foo: Bad range specifier 'foo' .*", 1),
    ("-M none -dfilter 0x10..0x5", r"-dfilter 0x10\.\.0x5: Bad range specifier .*", 1),
    ("-M none -D /nonexistent/a", r"Error opening logfile /nonexistent/a: No such file or directory", 1),
    ("-M none -pidfile /nonexistent/a", r"cannot create PID file: Could not create '/nonexistent/a': No such file or directory", 1),

    # Characters
    ("-M none -serial foo", r"-serial foo: 'foo' is not a valid char driver", 1),
    ("-M none -monitor foo", r"-monitor foo: 'foo' is not a valid char driver", 1),
    ("-M none -parallel foo", r"-parallel foo: 'foo' is not a valid char driver", 1),
    ("-M none -serial chardev:foo", r'-serial chardev:foo: chardev "foo" not found', 1),
    ("-M none -mon foo", r'-mon foo: chardev "foo" not found', 1),
    ("-M none -chardev null", r"-chardev null: chardev: no id specified", 1),
    ("-M none -chardev null,id=a,foo=1", r"-chardev null,id=a,foo=1: Invalid parameter 'foo'", 1),
    ("-M none -chardev foo,id=a", r"-chardev foo,id=a: 'foo' is not a valid char driver name", 1),
    ("-M none -chardev null,id=1a", r"-chardev null,id=1a: " + ID_RULE, 1),
    ("-M none -chardev null,id=a -chardev null,id=a", r"-chardev null,id=a: Duplicate ID 'a' for chardev", 1),
    ("-M none -chardev file,id=a", r"-chardev file,id=a: chardev: file: no filename given", 1),
    ("-M none -chardev socket,id=a,path=/nonexistent/a", r"-chardev socket,id=a,path=/nonexistent/a: "
     r"Failed to connect to '/nonexistent/a': No such file or directory", 1),
    ("-M none -serial file:/nonexistent/a", r"-serial file:/nonexistent/a: Could not open '/nonexistent/a': No such file or directory", 1),
    ("-M none -serial stdio -monitor stdio", r"-serial stdio: cannot use stdio by multiple character devices", 1),
    ("-M none -nographic -serial stdio", r"-serial stdio: cannot use stdio by multiple character devices", 1),
    ("-M none -nographic -daemonize", r"-nographic cannot be used with -daemonize", 1),
    ("-M none -daemonize -serial stdio", r"-serial stdio: cannot use stdio with -daemonize", 1),

    # Objects, devices, block, display, network
    ("-M none -object foo,id=a", r"-object foo,id=a: Parameter 'qom-type' does not accept value 'foo' .*", 1),
    ("-M none -object rng-random", r"-object rng-random: Parameter 'id' is missing", 1),
    ("-M none -object rng-random,id=a,foo=1", r"-object rng-random,id=a,foo=1: Invalid parameter 'foo'", 1),
    ("-M none -object rng-builtin,id=a -object rng-builtin,id=a", r"-object rng-builtin,id=a: Duplicate ID 'a' for object", 1),
    ("-M none -object memory-backend-ram,id=a", r"-object memory-backend-ram,id=a: Parameter 'size' is missing", 1),
    ("-M none -object memory-backend-ram,id=a,size=0",
     r"-object memory-backend-ram,id=a,size=0: property 'size' of memory-backend-ram doesn't take value '0'", 1),
    ("-M none -object memory-backend-file,id=a,size=1M",
     r"-object memory-backend-file,id=a,size=1M: Parameter 'mem-path' is missing", 1),
    ("-M none -object rng-random,id=a,filename=/nonexistent/x",
     r"-object rng-random,id=a,filename=/nonexistent/x: Could not open '/nonexistent/x': No such file or directory", 1),
    ("-M virt -display none -device virtio-rng-device,max-bytes=0", r".*'max-bytes' parameter must be positive, and less than 2\^63", 1),
    ("-M none -device foo", r"-device foo: 'foo' is not a valid device model name", 1),
    ("-M none -device {{\"driver\":\"foo\"}}", r'-device {{"driver":"foo"}}: \'foo\' is not a valid device model name', 1),
    ("-M none -device {{\"id\":\"foo\"}}", r'-device {{"id":"foo"}}: Parameter \'driver\' is missing', 1),
    ("-M none -device {{\"a\":", r'-device {{"a":: 1:6: JSON parse error, premature end of input', 1),
    ("-M none -device loader", r"-device loader: please include valid arguments.*", 1),
    ("-M none -device loader,foo=1", r"-device loader,foo=1: Property 'loader\.foo' not found", 1),
    ("-M none -device loader,addr=0,data=1", r"-device loader,addr=0,data=1: Both data and data-len must be specified", 1),
    ("-M none -device loader,data=1,data-len=9", r"-device loader,data=1,data-len=9: data-len cannot be greater than 8 bytes", 1),
    ("-M none -device loader,file=/nonexistent", r"-device loader,file=/nonexistent: Cannot load specified image /nonexistent: "
     r"/nonexistent: No such file or directory", 1),
    ("-M none -device loader,file={dir}/raw", r"-device loader,file={dir}/raw: Cannot load specified image .*there is no memory at 0x0 .*", 1),
    ("-M none -device loader,cpu-num=9", r"-device loader,cpu-num=9: Specified boot CPU#9 is nonexistent", 1),
    ("-M none -global foo", r"-global foo: Invalid parameter 'foo'", 1),
    ("-M none -blockdev {{\"a\":", r'-blockdev {{"a":: 1:6: JSON parse error, premature end of input', 1),
    ("-M none -display foo", r"-display foo: Parameter 'type' does not accept value 'foo' \(valid: none\)", 1),
    ("-M none -vga foo", r"-vga foo: unknown vga type: foo \(valid: none\)", 1),
    ("-M none -nic tap3", r"-nic tap3: Parameter 'type' does not accept value 'tap3'", 1),
    ("-M none -netdev usr,id=a", r"-netdev usr,id=a: Parameter 'type' does not accept value 'usr'", 1),
    ("-M none -fw_cfg name=x", r"-fw_cfg name=x: 'name' and one of 'file' and 'string' are needed", 1),

    # Process
    ("-M none -name a,b=c", r"-name a,b=c: Invalid parameter 'b'", 1),
    ("-M none -msg foo=1", r"-msg foo=1: Invalid parameter 'foo'", 1),
    ("-M none -overcommit foo=1", r"-overcommit foo=1: Invalid parameter 'foo'", 1),
    ("-M none -sandbox foo", r"-sandbox foo: Parameter 'enable' expects 'on' or 'off'", 1),
    ("-M none -append foo", r"-append only allowed with -kernel option", 1),
    ("-M none -initrd foo", r"-initrd only allowed with -kernel option", 1),
    ("-M none -kernel foo", r"-kernel is not supported by machine 'none'", 1),
    ("-readconfig /nonexistent", r"-readconfig /nonexistent: Could not open '/nonexistent': No such file or directory", 1),
    ("-readconfig {dir}/bad.cfg", r"-readconfig {dir}/bad\.cfg: {dir}/bad\.cfg:2: there is no group 'nosuch'", 1),
    ("-readconfig {dir}/bad2.cfg", r"-readconfig {dir}/bad2\.cfg: {dir}/bad2\.cfg:2: parse error in 'size 12'", 1),

    # Things that run
    ("-M none -display none", "", None),
    ("-machine none -nodefaults -nographic -S", "", None),
    ("-M none -serial null -monitor none -display none", "", None),
    ("-readconfig {dir}/good.cfg -display none", "", None),
    ("-M none -no-user-config -nodefaults -display none -name guest=x,debug-threads=on -uuid "
     "12345678-1234-1234-1234-123456789abc -rtc base=utc,driftfix=slew -msg timestamp=off -overcommit mem-lock=off "
     "-sandbox on,obsolete=deny,spawn=deny -boot strict=on -k fr -L /tmp -net none -nic none -vga none -parallel none "
     "-echr 2 -no-reboot -no-shutdown -action panic=pause,watchdog=none -seed 1 -D {dir}/log -d guest_errors,unimp "
     "-dfilter 0x80000000+0x1000,0x0..0xff -pidfile {dir}/pid", "", None),
    ("-M none -display none -serial unix:{dir}/s1,server=on,wait=off -monitor tcp:127.0.0.1:0,server,nowait", "", None),
    ("-M none -display none -chardev socket,id=a,path={dir}/s2,server=on,wait=off,mux=on -mon a -serial chardev:a", "", None),
    ("-M none -display none -chardev file,id=a,path={dir}/out,append=on -serial chardev:a -chardev pty,id=b -mon b", "", None),
    ("-M none -display none -object rng-random,filename=/dev/urandom,id=r -object rng-builtin,id=b "
     "-object memory-backend-ram,id=m,size=64M -global loader.addr=1", "", None),
    ("-M none -display none -global a.b=c", r"warning: global a\.b has invalid class name", None),
]

# The same for the board.
VIRT_CASES = [
    ("-M virt,nosuch=1", r"Property 'virt-machine\.nosuch' not found", 1),
    ("-M virt,aclint=foo", r"Parameter 'aclint' expects 'on' or 'off'", 1),
    ("-M virt -cpu nosuch", r"unable to find CPU model 'nosuch'.*", 1),
    ("-M virt -cpu rv64,nosuch=on", r".*nosuch.*", 1),
    ("-M virt -cpu rv64,zba=foo", r".*'zba' .*'on' or 'off'.*", 1),
    ("-M virt -accel tcg,foo=1", r"-accel tcg,foo=1: Property 'tcg-accel\.foo' not found", 1),
    ("-M virt -accel tcg,thread=foo", r"-accel tcg,thread=foo: Invalid 'thread' setting foo .*", 1),
    ("-M virt -accel tcg,tb-size=x", r"-accel tcg,tb-size=x: Parameter 'tb-size' expects a non-negative number, not 'x'", 1),
    ("-M virt -accel tcg,one-insn-per-tb=x", r"-accel tcg,one-insn-per-tb=x: Parameter 'one-insn-per-tb' expects 'on' or 'off'", 1),
    ("-M virt -accel tcg,no-opt=x", r"-accel tcg,no-opt=x: no-opt: there is no optimisation 'x'", 1),
    ("-M virt -smp 9999", r"Invalid SMP CPUs 9999\. The max CPUs supported by machine 'virt' is 512", 1),
    ("-M virt -kernel /nonexistent", r"could not load kernel '/nonexistent': No such file or directory", 1),
    ("-M virt -kernel {dir}/cut.elf", r".*the ELF file is truncated.*", 1),
    ("-M virt -kernel {dir}/x86.elf", r".*another architecture.*", 1),
    ("-M virt -kernel {dir}/half.gz", r".*gzip data is truncated", 1),
    ("-M virt -kernel {dir}/empty", r".*the file is empty", 1),
    ("-M virt -kernel {dir}", r".*not a regular file", 1),
    ("-M virt -kernel {dir}/raw -initrd /nonexistent", r".*/nonexistent.*No such file or directory", 1),
    ("-M virt -m 64M -kernel {dir}/raw -initrd {dir}/big", r".*big.*", 1),
    ("-M virt -bios /nonexistent", r".*/nonexistent.*", 1),
    ("-M virt -bios nosuch.bin", r".*nosuch\.bin.*", 1),
    ("-M virt -dtb /nonexistent", r".*/nonexistent.*", 1),
    ("-M virt -dtb {dir}/raw", r".*raw.*", 1),
    ("-M virt -dtb {dir}/big", r"'{dir}/big' is not a device tree blob", 1),
    ("-M virt -dtb {dir}", r"cannot load the device tree '{dir}': .*", 1),
    ("-M virt -m 1", r".+", 1),
    ("-M virt,dumpdtb=/nonexistent/a", r".*/nonexistent/a.*", 1),
    ("-M virt,dumpdtb={dir}/dtb", r"stdout:", 0),
    ("-M virt -drive file=/nonexistent", r"-drive file=/nonexistent: .*/nonexistent.*No such file or directory", 1),
    ("-M virt -drive if=foo", r"-drive if=foo: .*foo.*", 1),
    ("-M virt -drive if=none,id=a,file={dir}/raw,format=foo", r"-drive .*foo.*", 1),
    ("-M virt -drive if=none,id=a,file={dir}/raw,format=raw,foo=1", r"-drive .*foo.*", 1),
    ("-M virt -drive file={dir}/raw,if=ide", r"-drive .*: machine type does not support if=ide,bus=0,unit=0", 1),
    ("-M virt -drive file={dir}/raw,if=none,id=a -drive file={dir}/raw,if=none,id=a", r"-drive .*: Duplicate ID 'a' for drive", 1),
    ("-M virt -drive file={dir}/raw,if=pflash,index=0 -drive file={dir}/raw,if=pflash,index=0",
     r"-drive .*: drive with bus=0, unit=0 \(index=0\) exists", 1),
    ("-M virt -drive file={dir}/raw,if=none,cache=foo", r"-drive .*: invalid cache option 'foo' .*", 1),
    ("-M virt -drive file={dir}/raw,if=none,readonly=foo", r"-drive .*: Parameter 'readonly' expects 'on' or 'off'", 1),
    ("-M virt -drive file={dir}/raw,format=raw,copy-on-read=foo", r"-drive .*: Parameter 'copy-on-read' expects 'on' or 'off'", 1),
    ("-M virt -drive file={dir}/raw,format=raw,copy-on-read=on,readonly=on -S -display none -bios none",
     r"warning: -drive .*: disabling copy-on-read on read-only drive", None),
    ("-M virt -drive file={dir}/raw,format=raw,file.locking=foo", r"-drive .*: invalid locking 'foo' .*", 1),
    ("-M virt -drive file={dir}/raw,format=raw,force-share=on", r"-drive .*: force-share=on can only be used with read-only images", 1),
    ("-M virt -drive file={dir}/raw,format=raw,bps_max=1000", r"-drive .*: bps_max/iops_max require corresponding bps/iops values", 1),
    ("-M virt -drive file={dir}/raw,format=raw,bps=1,throttling.bps-total=2",
     r"-drive .*: 'throttling\.bps-total' and its alias 'bps' can't be used at the same time", 1),
    ("-M virt -drive file={dir}/raw,format=raw,file.locking=off,readonly=on,bps_rd=1000,bps_wr=2000,iops_rd=3,iops_wr=4,bps_rd_max=20000,"
     "iops_size=4096,group=g1 -drive file={dir}/raw,format=raw,force-share=on,read-only=on,bps=1M,iops=100,iops_max=200,iops_max_length=3 "
     "-drive file=file:{dir}/raw,format=raw,readonly=on,copy-on-read=off,node-name=x,cache.direct=on,cache.no-flush=off "
     "-S -display none -bios none", "", None),
    ("-M virt -drive driver=null-co,read-zeroes=on -drive file=null-co://,file.size=1M,format=raw -drive driver=null-aio,size=1M,latency-ns=10 "
     "-drive file.driver=null-co,file.size=1M,format=raw -drive file=json:{{\"driver\":\"null-co\"}},format=raw "
     "-blockdev null-co,node-name=n,size=1M,read-zeroes=on -device virtio-blk-device,drive=n -S -display none -bios none", "", None),
    ("-M virt -drive driver=raw,read-only=on,file.driver=raw,file.file.driver=blkdebug,file.file.image.driver=file,file.file.image.filename={dir}/raw,"
     "file.file.inject-error.0.event=read_aio,file.file.inject-error.0.once=on "
     "-blockdev file,node-name=f,filename={dir}/raw,read-only=on -blockdev driver=blkdebug,image=f,node-name=b -blockdev raw,file=b,node-name=r,size=512 "
     "-blockdev raw,file=r,node-name=q,offset=512 -blockdev copy-on-read,file=q,node-name=c "
     "-blockdev throttle,throttle-group=g,file=c,node-name=t -object throttle-group,id=g,x-iops-total=100 "
     "-device virtio-blk-device,drive=t -blockdev blkverify,raw=f,test=q,node-name=v -blockdev preallocate,file=f,node-name=p "
     "-device virtio-blk-device,drive=p -S -display none -bios none", "", None),
    ("-M virt -blockdev driver=blkdebug,image=no,node-name=b", r"-blockdev .*: Cannot find device='' nor node-name='no'", 1),
    ("-M virt -drive driver=blkdebug,image.driver=file,image.filename={dir}/raw,foo=1", r"-drive .*: Block protocol 'blkdebug' does not support the option 'foo'", 1),
    ("-M virt -drive file=json:{{,format=raw", r"-drive .*: Could not parse the JSON options: .*", 1),
    ("-M virt -drive driver=host_cdrom,filename=/nonexistent", r"-drive .*: Could not open '/nonexistent': No such file or directory", 1),
    ("-M virt -drive if=none,id=a,file={dir}/raw,format=qcow2 -device virtio-blk-device,drive=a", r".*Image is not in qcow2 format", 1),
    ("-M virt -blockdev qcow2,node-name=a,file.driver=file,file.filename={dir}/raw -device virtio-blk-device,drive=a",
     r".*: -blockdev .*: '.*/raw': Image is not in qcow2 format", 1),
    ("-M virt -drive if=none,id=a,file={dir}/raw,format=raw,detect-zeroes=foo", r".*unsupported detect-zeroes 'foo' .*", 1),
    ("-M virt -drive foo=1", r"-drive foo=1: Must specify either driver or file", 1),
    ("-M virt -blockdev raw,node-name=a,file=b", r"-blockdev .*: Cannot find device='' nor node-name='b'", 1),
    ("-M virt -blockdev driver=vmdk,node-name=a", r"-blockdev .*: Parameter 'driver' does not accept value 'vmdk' .*", 1),
    ("-M virt -blockdev driver=file,filename={dir}/raw", r"-blockdev .*: Parameter 'node-name' is missing", 1),
    ("-M virt -blockdev {{\"driver\":\"raw\",\"node-name\":\"a\",\"file\":{{\"driver\":\"file\",\"filename\":\"{dir}/raw\"}}}} "
     "-blockdev driver=file,node-name=f,filename={dir}/raw,read-only=on,cache.direct=on -blockdev raw,node-name=r,file=f "
     "-S -display none -bios none", "", None),
    ("-M virt -drive if=pflash,file={dir}/raw,format=raw", r".*33554432 bytes.*", 1),
    ("-M virt -device virtio-blk-device", r"-device virtio-blk-device: drive property not set", 1),
    ("-M virt -device virtio-blk-device,foo=1", r"-device virtio-blk-device,foo=1: Property 'virtio-blk-device\.foo' not found", 1),
    ("-M virt -device virtio-blk-device,drive=no", r"-device virtio-blk-device,drive=no: .*no.*", 1),
    ("-M virt -device loader,addr=0x80000000,data=1,data-len=4 -device loader,addr=0x80000002,data=1,data-len=4",
     r"Some ROM regions are overlapping: .*", 1),
    ("-M virt,memory-backend=no", r".*there is no memory backend object 'no'", 1),
    ("-M virt -m 128M -S -display none -bios none", "", None),
    ("-M virt -m 100G -S -display none -bios none", "", None),
    ("-M virt,memory-backend=m -object memory-backend-memfd,id=m,size=128M,share=on -S -display none -bios none", "", None),
]


def setup(folder):
    def put(name, data):
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)
    elf = struct.pack("<4sBBB9xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 2, 243, 1, 0x80000000, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    put("cut.elf", elf)
    put("x86.elf", elf[:18] + struct.pack("<H", 62) + elf[20:])
    put("raw", b"raw!" * 256)
    put("empty", b"")
    put("big", b"")
    os.truncate(os.path.join(folder, "big"), 80 << 20)
    packed = gzip.compress(os.urandom(100000))
    put("half.gz", packed[:len(packed) // 2])
    put("bad.cfg", b"# comment\n[nosuch]\n")
    put("bad2.cfg", b"[memory]\nsize 12\n")
    put("good.cfg", b'# comment\n[machine]\n  type = "none"\n[memory]\n  size = "64M"\n[chardev "c"]\n  backend = "null"\n'
        b'[object "o"]\n  qom-type = "rng-builtin"\n[smp-opts]\n  cpus = "1"\n')


def run(program, args, folder):
    cmd = [program] + [a.replace("\0", " ") for a in args]
    return subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            cwd=folder)


def check(program, line, expected, code, folder):
    args = shlex.split(line.replace('"', '\\"').format(dir=folder))
    expected = expected.replace("{dir}", re.escape(folder)).replace("{{", "{").replace("}}", "}")
    p = run(program, args, folder)
    name = os.path.basename(program)
    try:
        out, err = p.communicate(timeout=1 if code is None else 30)
    except subprocess.TimeoutExpired:
        if code is not None:
            p.kill()
            return "hangs"
        p.send_signal(signal.SIGTERM)
        out, err = p.communicate(timeout=30)
        if p.returncode != 0:
            return "exit code %d after SIGTERM" % p.returncode
        before = re.escape(name) + ": " + expected + "\n" if expected else ""
        if not re.fullmatch(before + r"%s: terminating on signal 15 from pid %d \(.*\)\n" % (name, os.getpid()), err):
            return "stderr: " + err
        return None
    if code is None:
        return "ended: " + err
    if p.returncode != code:
        return "exit code %d: %s" % (p.returncode, err)
    if expected.startswith("stdout:"):
        if not re.search(expected[7:], out, re.M):
            return "stdout: " + out
        return "stderr: " + err if err else None
    prefix = name + ": "
    if not err.startswith(prefix) or not err.endswith("\n"):
        return "stderr: " + err
    text = err[len(prefix):-1]
    if "\n" in text or not re.fullmatch(expected, text):
        return "stderr: " + err
    return None


def main():
    program = os.path.abspath(sys.argv[1])
    only = sys.argv[2] if len(sys.argv) > 2 else ""
    machines = subprocess.run([program, "-machine", "help"], capture_output=True, text=True).stdout
    devices = subprocess.run([program, "-device", "help"], capture_output=True, text=True).stdout
    cases = [c for c in CASES + VIRT_CASES if only in c[0]]
    failed = 0
    print("1..%d" % len(cases))
    with tempfile.TemporaryDirectory(prefix="rhea-cli-") as folder:
        setup(folder)
        for i, (line, expected, code) in enumerate(cases, 1):
            title = line.replace("#", "") or "(no arguments)"
            if line.startswith("-M virt") and "\nvirt " not in machines:
                print("ok %d - %s # SKIP no machine virt" % (i, title))
                continue
            if "-device virtio-blk-device" in line and '"virtio-blk-device"' not in devices:
                print("ok %d - %s # SKIP no virtio-blk-device" % (i, title))
                continue
            why = check(program, line, expected, code, folder)
            print("%s %d - %s" % ("not ok" if why else "ok", i, title))
            if why:
                print("# " + why.replace("\n", "\n# "))
                failed += 1
            sys.stdout.flush()
    sys.exit(failed != 0)


main()
