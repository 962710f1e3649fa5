package cli

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// halted is a terminal that takes nothing while it is halted.
type halted struct {
	bytes.Buffer
	on chan struct{}
}

func (h *halted) Write(p []byte) (int, error) {
	<-h.on
	return h.Buffer.Write(p)
}

// A terminal that was halted holds nobody up: what was written meanwhile comes when it goes on, in its order, and what
// had no room is counted.
func TestAHaltedTerminalHoldsNobodyUp(t *testing.T) {
	for _, size := range []int{10, patienceRoom / 3} {
		synctest.Test(t, func(t *testing.T) {
			h := &halted{on: make(chan struct{})}
			said := 0
			p := &patient{w: h, stuck: func() { said++ }}
			for n := range 9 {
				written, err := fmt.Fprintf(p, "%d%s\n", n, strings.Repeat(" ", size))
				require.NoError(t, err)
				require.Equal(t, size+2, written)
			}
			close(h.on)
			synctest.Wait()
			_, err := io.WriteString(p, "end\n")
			require.NoError(t, err)
			lines := strings.Fields(h.String())
			require.Equal(t, []string{"0", "1", "2"}, lines[:3])
			require.Equal(t, "end", lines[len(lines)-1])
			require.Equal(t, size > 10, strings.Contains(h.String(), "bytes are lost here"))
			require.Equal(t, 1, said)
		})
	}
}
