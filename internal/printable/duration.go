package printable

import (
	"fmt"
	"strings"
	"time"
)

// Duration is a time for the reader, rounded up to whole seconds: "2 h 7 m 16 s", "50 m", "0 s". Nothing else is rounded.
func Duration(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	if rest := d % time.Second; rest > 0 {
		d += time.Second - rest
	}
	var words []string
	for _, part := range []struct {
		n    time.Duration
		name string
	}{{d / time.Hour, "h"}, {d / time.Minute % 60, "m"}, {d / time.Second % 60, "s"}} {
		if part.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", part.n, part.name))
		}
	}
	if len(words) == 0 {
		return "0 s"
	}
	return sign + strings.Join(words, " ")
}
