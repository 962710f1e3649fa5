package backup

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// An archive is the same bytes on a machine of one processor and on any other: a plan's digest holds them.
func TestCompressionIsTheSameOnEveryMachine(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var text strings.Builder
	for r := rand.New(rand.NewPCG(1, 2)); text.Len() < 3*gzipBlock; {
		text.WriteString(strings.Repeat(string(rune('a'+r.IntN(26))), r.IntN(9)))
	}
	for _, kind := range []Compression{Gzip, Zstd} {
		for _, n := range []int{100, text.Len()} {
			var first []byte
			for _, processors := range []int{1, 2, 5} {
				runtime.GOMAXPROCS(processors)
				var out bytes.Buffer
				w, err := packing{kind: kind}.writer(&out)
				require.NoError(t, err)
				_, err = w.Write([]byte(text.String()[:n]))
				require.NoError(t, err)
				require.NoError(t, w.Close())
				if first == nil {
					first = out.Bytes()
				}
				require.True(t, bytes.Equal(first, out.Bytes()), "%v, %d bytes, %d processors", kind, n, processors)
			}
		}
	}
}
