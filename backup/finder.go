package backup

import (
	"bytes"
	"io"
	"slices"
)

// finder passes bytes on and looks for a text among them.
type finder struct {
	w     io.Writer
	want  []byte
	limit int64
	tail  []byte
	found bool
	n     int64
	err   error
}

func (f *finder) Write(b []byte) (int, error) {
	if f.n += int64(len(b)); f.limit > 0 && f.n > f.limit {
		f.err = &LimitError{What: "bytes of output", Limit: f.limit}
		return 0, f.err
	}
	if !f.found {
		f.tail = append(f.tail, b...)
		f.found = bytes.Contains(f.tail, f.want)
		f.tail = slices.Clone(f.tail[max(0, len(f.tail)-len(f.want)):])
	}
	return f.w.Write(b)
}
