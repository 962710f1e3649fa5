package evenkeel

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Observer: one that comes back hears the rest, one event at a time and in order; what there was no room for is
// counted. It is waited for once.
func TestAnObserverThatComesBackHearsTheRest(t *testing.T) {
	for _, events := range []int{9, tellingRoom + 9} {
		synctest.Test(t, func(t *testing.T) {
			free := make(chan struct{})
			var heard []int
			missed := 0
			te := teller{observer: ObserverFunc(func(e Event) {
				heard = append(heard, e.Number)
				missed += e.Missed
				if e.Number == 1 {
					<-free
				}
			})}
			begun := time.Now()
			for n := range events {
				te.tell(Event{Number: n})
			}
			require.Equal(t, tellingTime, time.Since(begun)) // the time of the bubble: it passes only while everybody waits
			close(free)
			synctest.Wait()
			te.tell(Event{Number: events})
			te.end()
			require.IsIncreasing(t, heard)
			require.Equal(t, events, heard[len(heard)-1])
			require.Equal(t, events+1, len(heard)+missed)
			require.Equal(t, events > tellingRoom, missed > 0)
		})
	}
}
