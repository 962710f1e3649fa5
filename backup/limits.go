package backup

import (
	"fmt"
	"io"
)

// Limits bound what is accepted as a backup: an archive beyond them is a mistake or an attack.
type Limits struct {
	Bytes int64 // of all content together, unpacked
	Files int   // number of entries
	Ratio int64 // unpacked bytes for each packed one, after the first few megabytes
	Keep  int64 // bytes of content that an opened archive keeps in memory
}

// DefaultLimits are ample for the configuration of a server and for the manager's database.
func DefaultLimits() Limits {
	return Limits{Bytes: 16 << 30, Files: 500_000, Ratio: 400, Keep: 256 << 20}
}

// ratioGrace is how many unpacked bytes are accepted at any ratio: a few zero-filled files are no attack.
const ratioGrace = 16 << 20

// LimitError says which bound was passed.
type LimitError struct {
	What  string // what there is too much of
	Limit int64
}

func (e *LimitError) Error() string { return fmt.Sprintf("more than %d %s", e.Limit, e.What) }

// meter counts what passes through a reader, and refuses to pass on more than its limits.
type meter struct {
	r      io.Reader
	n      int64
	packed *meter // the compressed side, where there is one
	limits Limits
}

func (m *meter) Read(b []byte) (int, error) {
	n, err := m.r.Read(b)
	m.n += int64(n)
	switch {
	case m.limits.Bytes > 0 && m.n > m.limits.Bytes:
		return n, &LimitError{What: "bytes unpacked", Limit: m.limits.Bytes}
	case m.packed != nil && m.limits.Ratio > 0 && m.n > ratioGrace && m.n/m.limits.Ratio > m.packed.n:
		return n, &LimitError{What: "unpacked bytes for each packed one", Limit: m.limits.Ratio}
	}
	return n, err
}
