package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// SimWorld is a simulated world that can be served.
type SimWorld interface {
	evenkeel.World
	Machines() []string           // the hosts that can be logged in to
	Up(host string) bool          // whether it answers
	HostKeyID(host string) string // changes when the host's SSH key does
	Report() WorldReport          // what really happened
}

// Doer is a world in which the operator can be asked to do what no machine there does by itself. To ask once more for what is
// done is no mistake.
type Doer interface {
	Do(ctx context.Context, deed string) error
}

// HaveDone has a deed done by the person of a simulated world, be it here or served over SSH.
func HaveDone(ctx context.Context, hosts evenkeel.Hosts, deed string) error {
	if here, ok := hosts.(Doer); ok {
		return here.Do(ctx, deed)
	}
	r, err := hosts.Runner(worldHost)
	if err != nil {
		return err
	}
	_, err = r.Run(ctx, sshexec.Command(sshexec.Mutating, "world", "do", deed))
	return err
}

// WorldReport is the world's own account: the truth, whatever the tool believes.
type WorldReport struct {
	Serving    []Serving `json:"serving"`
	Outages    []Outage  `json:"outages"`
	Violations []string  `json:"violations"`
	Log        []Command `json:"log"` // commands that took effect, but for read-only ones
}

// Serving says what serves where.
type Serving struct {
	What  string `json:"what"`
	Where string `json:"where"` // empty: nowhere
}

// Outage says how long something did not serve.
type Outage struct {
	What    string        `json:"what"`
	Total   time.Duration `json:"total"`
	Longest time.Duration `json:"longest"`
}

// Command is one command that took effect.
type Command struct {
	Host string `json:"host"`
	Line string `json:"line"`
}

// summary prints the account at the end of a demo.
func (r WorldReport) summary() string {
	var b strings.Builder
	b.WriteString("The world's own account:\n  served at the end:\n")
	for _, s := range r.Serving {
		fmt.Fprintf(&b, "    %-24s %s\n", s.What, s.Where)
	}
	b.WriteString("  outage, on the world's clock:\n")
	for _, o := range r.Outages {
		fmt.Fprintf(&b, "    %-24s %8s in all, longest %s\n", o.What, short(o.Total), short(o.Longest))
	}
	if len(r.Violations) == 0 {
		b.WriteString("  invariants violated: none\n")
	}
	for _, v := range r.Violations {
		fmt.Fprintf(&b, "  VIOLATED: %s\n", v)
	}
	return b.String()
}

// report asks the served world for its account; nothing in the real world.
func (h *hosts) report() (*WorldReport, error) {
	if h.clock == nil {
		return nil, nil
	}
	out, err := h.clock.ask(background, "report")
	if err != nil {
		return nil, err
	}
	var r WorldReport
	return &r, json.Unmarshal([]byte(out), &r)
}
