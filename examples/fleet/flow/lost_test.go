package flow

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/course"
)

// A worker stands still, at each of these points, for longer than its heartbeat, and comes back when another has gone
// on. Every change is made once, and what the first worker does when it comes back is refused: by the workflow, or by
// the machine.
func TestAWorkerIsLost(t *testing.T) {
	ts, c := server(t)
	const text = "s1[a b.never] s2[c.probe d.never e]"
	for _, point := range []string{
		"sends a", "sends b", "sends c", "sends d", "sends e", // the record is written, and the command not sent
		"did a", "did b", "did c", "did d", "did e", // the command has taken effect, and that is not written
	} {
		if testing.Short() && point != "sends d" && point != "did b" {
			continue
		}
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			when, what, _ := strings.Cut(point, " ")
			j, m := one(t, text)
			pair := strings.ReplaceAll(point, " ", "-")
			j.books[pair], j.machines[pair] = j.books["p1"], m
			w := newWire(t, ts.GetFrontendHostPort())
			reached, goOn := make(chan struct{}), make(chan struct{})
			var stop sync.Once
			block := func() {
				first := false
				stop.Do(func() { first = true })
				if !first {
					return
				}
				w.set(true, false)
				close(reached)
				if when == "sends" {
					<-goOn
				}
			}
			m.door = func(argv []string) {
				if when == "sends" && argv[0] == "do" && argv[1] == what {
					block()
				}
			}
			m.hold = func(at, did string) {
				if when == "did" && at == "after" && did == what {
					block()
				}
			}
			first := NewWorker(w.client(t, ts), j, WorkerOptions{Queue: pair, Name: "w1"})
			require.NoError(t, first.Start())
			run := startedOn(t, c, pair, j.in(pair))
			<-reached
			second := NewWorker(c, j, WorkerOptions{Queue: pair, Name: "w2"})
			require.NoError(t, second.Start())
			t.Cleanup(func() { second.Stop(t.Context()) })
			var out Out
			require.NoError(t, run.Get(t.Context(), &out))
			require.Equal(t, course.Finished, out.State)
			require.Positive(t, out.Standing.Lost)
			want := "a b c d e"
			require.Equal(t, want, withoutRepeats(m.did(), "a e"), "an idempotent change may be made twice, and no other")
			before := m.did()

			close(goOn)
			w.set(false, false)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			first.Stop(ctx)
			require.Equal(t, before, m.did(), "the first worker changes nothing more")
			list := records(t, c, pair)
			require.Equal(t, evenkeel.KindDone, list[len(list)-1].Kind)
			history, err := History(t.Context(), c, pair)
			require.NoError(t, err)
			require.Equal(t, list[len(list)-1].Sum, history[len(history)-1].Sum)
		})
	}
}

// withoutRepeats leaves out the repetition of the words that may be repeated.
func withoutRepeats(log, may string) string {
	var list []string
	for _, word := range strings.Fields(log) {
		if len(list) > 0 && list[len(list)-1] == word && strings.Contains(may, word) {
			continue
		}
		list = append(list, word)
	}
	return strings.Join(list, " ")
}
