"""Assembles hello.wasm beside it by hand, since no assembler is needed for 293 bytes: python3 make-hello.py hello.wasm"""
def leb(n):
    o=b''
    while True:
        b=n&0x7f; n>>=7
        if n: o+=bytes([b|0x80])
        else: return o+bytes([b])
def sleb(n):
    o=b''
    while True:
        b=n&0x7f; n>>=7
        if (n==0 and not b&0x40) or (n==-1 and b&0x40): return o+bytes([b])
        o+=bytes([b|0x80])
vec=lambda xs: leb(len(xs))+b''.join(xs)
sec=lambda i,b: bytes([i])+leb(len(b))+b
name=lambda s: leb(len(s))+s.encode()
I=0x7f
ft=lambda p,r: b'\x60'+vec([bytes([x]) for x in p])+vec([bytes([x]) for x in r])
types=sec(1,vec([ft([I]*4,[I]),ft([],[]),ft([I],[])]))
W='wasi_snapshot_preview1'
imports=sec(2,vec([name(W)+name('fd_read')+b'\0'+leb(0),name(W)+name('fd_write')+b'\0'+leb(0),name(W)+name('proc_exit')+b'\0'+leb(2)]))
funcs=sec(3,vec([leb(1)]))
mem=sec(5,vec([b'\0'+leb(1)]))
exports=sec(7,vec([name('memory')+b'\2'+leb(0),name('_start')+b'\0'+leb(3)]))
c=lambda n: b'\x41'+sleb(n)
store=b'\x36\x02\x00'; load=b'\x28\x02\x00'
# iovec at 0: (64, len); count at 8
body=b''
# greeting: iovec (greet, n)
greet=b'hello from WebAssembly\n'; G=32
body+=c(0)+c(G)+store+c(4)+c(len(greet))+store+c(1)+c(0)+c(1)+c(8)+b'\x10\x01\x1a'
body+=b'\x02\x40\x03\x40'
body+=c(0)+c(1024)+store+c(4)+c(4096)+store
body+=c(0)+c(0)+c(1)+c(8)+b'\x10\x00'+b'\x0d\x01'       # br_if 1 on errno
body+=c(8)+load+b'\x45\x0d\x01'                          # nothing read: end
body+=c(4)+c(8)+load+store
body+=c(1)+c(0)+c(1)+c(12)+b'\x10\x01\x0d\x01'
body+=b'\x0c\x00\x0b\x0b'
body+=c(3)+b'\x10\x02'
body+=b'\x0b'
code=b'\0'+body
code=sec(10,vec([leb(len(code))+code]))
data=sec(11,vec([b'\0'+c(G)+b'\x0b'+leb(len(greet))+greet]))
import sys
open(sys.argv[1],'wb').write(b'\0asm\1\0\0\0'+types+imports+funcs+mem+exports+code+data)
