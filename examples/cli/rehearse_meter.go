package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/examples/cli/view"
)

// meter shows on a terminal how far a rehearsal is.
type meter struct {
	w     io.Writer // nil where nobody sees it
	now   func() time.Time
	begun time.Time
	shown time.Time
}

// meterPause is how long one line is shown at least.
const meterPause = 500 * time.Millisecond

// meter is one on the terminal of the errors: the output may go to a file.
func (a *App) meter() *meter {
	m := &meter{now: time.Now, begun: time.Now()}
	if a.errors != nil && view.Redraws(os.Getenv) {
		m.w = a.errors
	}
	return m
}

// told shows how many schedules have been tried, and about how long the others take.
func (m *meter) told(tried, of int) {
	now := m.now()
	if m.w == nil || now.Sub(m.shown) < meterPause {
		return
	}
	m.shown = now
	left := time.Duration(float64(now.Sub(m.begun)) / float64(tried) * float64(of-tried))
	_, _ = fmt.Fprintf(m.w, "\r\x1b[K%s of %s schedules, about %s left", thousands(tried), thousands(of), short(left.Round(time.Second)))
}

// rollbacks tells how long the part took that is rollbacks. It stands in no answer: it is another time each time.
func (m *meter) rollbacks(report *evenkeel.RehearsalReport) {
	if m.w == nil || report == nil || report.Rollbacks.Played == 0 {
		return
	}
	_, _ = fmt.Fprintf(m.w, "rollbacks: %s schedules in %s of a processor's time\n",
		thousands(report.Rollbacks.Played+report.Rollbacks.Within),
		short(report.Rollbacks.Took.Round(100*time.Millisecond)))
}

// clear takes the line away.
func (m *meter) clear() {
	if m.w != nil && !m.shown.IsZero() {
		_, _ = fmt.Fprint(m.w, "\r\x1b[K")
	}
}
