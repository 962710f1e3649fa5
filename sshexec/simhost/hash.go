package simhost

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"
	"strings"
	"time"
)

// Encoder turns a state into one unambiguous sequence of bytes and digests it.
type Encoder struct {
	h       hash.Hash
	now     time.Time
	without string // files whose path begins with it are left out; empty for none
}

func newEncoder(now time.Time, without string) *Encoder { return &Encoder{sha256.New(), now, without} }

// Int adds a number.
func (e *Encoder) Int(n int) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	_, _ = e.h.Write(b[:])
}

// Text adds a string, with its length before it.
func (e *Encoder) Text(s string) {
	e.Int(len(s))
	_, _ = io.WriteString(e.h, s)
}

// Texts adds a list of strings in the order given.
func (e *Encoder) Texts(list []string) {
	e.Int(len(list))
	for _, s := range list {
		e.Text(s)
	}
}

// Bool adds a truth value.
func (e *Encoder) Bool(b bool) {
	if b {
		e.Int(1)
	} else {
		e.Int(0)
	}
}

// ToGo adds a time in the future as the time still to go; the zero time as none.
func (e *Encoder) ToGo(t time.Time) {
	if t.IsZero() {
		e.Int(-1)
		return
	}
	e.Int(int(max(0, t.Sub(e.now))))
}

func (e *Encoder) sum() (out [32]byte) {
	e.h.Sum(out[:0])
	return out
}

func compareText(a, b string) int { return strings.Compare(a, b) }
