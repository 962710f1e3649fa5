package backup

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/klauspost/pgzip"
)

// Compression is how an archive is compressed.
type Compression uint8

// The compressions. Gzip is what the guides' commands read ("tar zxf"); zstd is for archives that are kept elsewhere,
// since the tar of EL6 and EL7 does not know it.
const (
	Gzip Compression = iota // .tgz
	Zstd                    // .tar.zst
)

// Suffix is what an archive's file name ends in.
func (c Compression) Suffix() string {
	if c == Zstd {
		return ".tar.zst"
	}
	return ".tgz"
}

// packing says how to compress.
type packing struct {
	kind    Compression
	level   int // 0 is the default
	threads int // 0 is all
}

const (
	gzipLevel = 6       // the level of gzip(1), which the guides' scripts call
	gzipBlock = 1 << 20 // bytes that one thread compresses at a time
)

func (p packing) validate() error {
	switch {
	case p.kind > Zstd:
		return fmt.Errorf("compression %d is not known", p.kind)
	case p.threads < 0:
		return fmt.Errorf("%d threads cannot compress", p.threads)
	case p.kind == Gzip && (p.level < 0 || p.level > 9), p.level < 0 || p.level > 22:
		return fmt.Errorf("compression level %d is not known", p.level)
	}
	return nil
}

// writer compresses what is written to it. It must be closed, on an error too: it may have goroutines.
func (p packing) writer(w io.Writer) (io.WriteCloser, error) {
	threads := p.threads
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	if p.kind == Zstd {
		level := zstd.SpeedDefault
		if p.level > 0 {
			level = zstd.EncoderLevelFromZstd(p.level)
		}
		return zstd.NewWriter(w, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(threads))
	}
	level := p.level
	if level == 0 {
		level = gzipLevel
	}
	if p.threads == 1 { // asked for; by itself a machine of one processor writes the same bytes as any other
		return gzip.NewWriterLevel(w, level)
	}
	end := &patient{w: w}
	gz, err := pgzip.NewWriterLevel(end, level)
	if err != nil {
		return nil, err
	}
	return parallel{Writer: gz, end: end}, gz.SetConcurrency(gzipBlock, threads)
}

// parallel is a pgzip writer whose goroutines end when it is closed. By itself it leaves them behind once it could not write.
type parallel struct {
	*pgzip.Writer
	end *patient
}

func (p parallel) Write(b []byte) (int, error) {
	if err := p.end.failure(); err != nil {
		return 0, err
	}
	return p.Writer.Write(b)
}

func (p parallel) Close() error { return errors.Join(p.Writer.Close(), p.end.failure()) }

// patient takes everything, and remembers what could not be written.
type patient struct {
	w   io.Writer
	mu  sync.Mutex
	err error
}

func (p *patient) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		_, p.err = p.w.Write(b)
	}
	return len(b), nil
}

func (p *patient) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// smallArchive is the size in packed bytes from which decompression runs ahead. The reader's buffer is at least as large.
const smallArchive = 64 << 10

// unpack finds out how an archive is compressed, and decompresses ahead of whoever reads. The function that comes with it ends that.
func unpack(r *bufio.Reader) (io.Reader, func(), error) {
	magic, err := r.Peek(4)
	switch {
	case len(magic) >= 2 && magic[0] == 0x1f && magic[1] == 0x8b:
		if _, err := r.Peek(smallArchive); err != nil { // the end comes before; reading ahead would cost more than it gains
			gz, err := gzip.NewReader(r)
			return gz, func() {}, err
		}
		gz, err := pgzip.NewReaderN(r, 256<<10, 8)
		if err != nil {
			return nil, nil, err
		}
		return gz, func() { _ = gz.Close() }, nil
	case len(magic) == 4 && string(magic) == "\x28\xb5\x2f\xfd":
		zs, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return nil, nil, err
		}
		return zs, zs.Close, nil
	case err != nil && !errors.Is(err, io.EOF):
		return nil, nil, err
	case len(magic) == 0:
		return nil, nil, fmt.Errorf("%w: it is empty", ErrNotArchive)
	}
	return nil, nil, fmt.Errorf("%w: it is not compressed with gzip or zstd", ErrNotArchive)
}
