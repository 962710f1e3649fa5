package backup

import (
	"fmt"
	"io"
	"sync/atomic"
)

// Limits bound what is accepted as a backup: an archive beyond them is a mistake or an attack.
type Limits struct {
	Bytes int64 // of all content together, unpacked
	Files int   // number of entries
	Ratio int64 // unpacked bytes for each packed one, after the first 256 MiB
	Keep  int64 // bytes of content that an opened archive keeps in memory, beside what it needs itself
}

// DefaultLimits are ample for the configuration of a server and for the manager's database.
func DefaultLimits() Limits {
	return Limits{Bytes: 16 << 30, Files: 500_000, Ratio: 400, Keep: 64 << 20}
}

// ratioGrace is how many unpacked bytes are accepted at any ratio: a few zero-filled files are no attack.
var ratioGrace int64 = 256 << 20

// tooDense tells whether so many bytes may not come out of so few.
func (l Limits) tooDense(unpacked, packed int64) error {
	if l.Ratio > 0 && unpacked > ratioGrace && unpacked/l.Ratio > packed {
		return &LimitError{What: "unpacked bytes for each packed one", Limit: l.Ratio}
	}
	return nil
}

// LimitError says which bound was passed.
type LimitError struct {
	What  string // what there is too much of
	Limit int64
}

func (e *LimitError) Error() string { return fmt.Sprintf("more than %d %s", e.Limit, e.What) }

// meter counts what passes through a reader, and refuses to pass on more than its limits.
type meter struct {
	r      io.Reader
	n      atomic.Int64 // read by whoever decompresses ahead, and by whoever compares
	packed *meter       // the compressed side, where there is one
	limits Limits
	zeros  int64 // how many zeros came last
}

func (m *meter) Read(b []byte) (int, error) {
	n, err := m.r.Read(b)
	total := m.n.Add(int64(n))
	m.countZeros(b[:n])
	switch {
	case m.limits.Bytes > 0 && total > m.limits.Bytes:
		return n, &LimitError{What: "bytes unpacked", Limit: m.limits.Bytes}
	case m.packed != nil:
		if err := m.limits.tooDense(total, m.packed.n.Load()); err != nil {
			return n, err
		}
	}
	return n, err
}

// countZeros keeps count of the zeros at the end of what came.
func (m *meter) countZeros(b []byte) {
	i := len(b)
	for i > 0 && b[i-1] == 0 {
		i--
	}
	if i > 0 {
		m.zeros = 0
	}
	m.zeros += int64(len(b) - i)
}
