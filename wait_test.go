package evenkeel_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
)

// Equal waits have equal keys, whatever differs in their text; another action, or another key, is another wait.
func TestWaitsHaveAStableKey(t *testing.T) {
	rb := parseRunbook(t, "s1[a.read b.read]")
	looks := 0
	for i := range rb.Steps[0].Actions {
		rb.Steps[0].Actions[i].Expect.Check = func(evenkeel.Observed) error {
			if looks++; looks%4 == 0 {
				return nil
			}
			key := ""
			if looks%4 == 3 {
				key = "lost"
			}
			return &evenkeel.Retry{Key: key, Reason: fmt.Sprintf("read tcp 127.0.0.1:%d: connection refused", 40000+looks)}
		}
	}
	var keys []string
	m := newMachine("-")
	opts := evenkeel.Options{Journal: &evenkeel.MemJournal{}, Clock: &stepClock{}, RunID: "r", Holder: "h",
		Observer: evenkeel.ObserverFunc(func(e evenkeel.Event) {
			if e.Kind == evenkeel.EventWait {
				keys = append(keys, e.Key)
			}
		})}
	_, err := evenkeel.Run(t.Context(), rb, evenkeel.HostMap{"h": m}, opts)
	require.NoError(t, err)
	require.Equal(t, []string{"s1/a", "s1/a", "s1/a/lost", "s1/b", "s1/b", "s1/b/lost"}, keys)
}
