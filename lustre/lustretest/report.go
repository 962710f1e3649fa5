package lustretest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/pacemaker/pacemakertest"
	"github.com/evenkeel-ha/evenkeel/sshexec"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// Report is the truth about a pair.
type Report struct {
	Now        time.Time             `json:"now"`
	Hosts      []HostReport          `json:"hosts"`
	Targets    []TargetReport        `json:"targets"`
	Fences     []pacemakertest.Fence `json:"fences,omitempty"`
	Violations []string              `json:"violations,omitempty"`
	Commands   int                   `json:"commands"`
}

// HostReport is what one host is.
type HostReport struct {
	Name    string `json:"name"`
	Power   string `json:"power"`
	Release string `json:"release"`
	Member  bool   `json:"member"` // of a running cluster
}

// TargetReport is where a target is mounted, and how long it was mounted nowhere.
type TargetReport struct {
	Label   string        `json:"label"`
	On      []string      `json:"on"`
	Down    time.Duration `json:"down"`    // in all
	Longest time.Duration `json:"longest"` // at a stretch
	Windows []Window      `json:"windows,omitempty"`
}

// Report reads the truth.
func (p *Pair) Report() (r Report) {
	p.Do(func(s *simhost.State) { r = report(s) })
	return r
}

func report(s *simhost.State) Report {
	st := pacemakertest.Of(s)
	r := Report{Now: s.Now(), Fences: st.Fences(), Commands: s.Seq()}
	for _, h := range s.Hosts() {
		release, _ := h.ReadFile("/etc/redhat-release")
		r.Hosts = append(r.Hosts, HostReport{h.Name, h.Power.String(), strings.TrimSpace(release), st.Member(h.Name)})
	}
	for _, t := range of(s).targets {
		tr := TargetReport{Label: t.label, On: append([]string{}, t.on...), Windows: append([]Window(nil), t.down...)}
		for _, w := range t.down {
			tr.Down += w.Length(s.Now())
			tr.Longest = max(tr.Longest, w.Length(s.Now()))
		}
		r.Targets = append(r.Targets, tr)
	}
	for _, v := range s.Violations() {
		r.Violations = append(r.Violations, v.String())
	}
	return r
}

// Target is the report of one target, by its label.
func (r Report) Target(label string) TargetReport {
	for _, t := range r.Targets {
		if t.Label == label {
			return t
		}
	}
	return TargetReport{Label: label}
}

// Runner runs commands on a host of the pair, or on the pseudo host "world".
func (p *Pair) Runner(host string) (sshexec.Runner, error) {
	if host == "world" {
		return sshexec.RunnerFunc(p.runWorld), nil
	}
	return p.World.Runner(host)
}

// runWorld runs a command on the world itself. The first word may be "world".
func (p *Pair) runWorld(ctx context.Context, cmd sshexec.Cmd) (sshexec.Result, error) {
	if err := ctx.Err(); err != nil {
		return sshexec.Result{}, sshexec.Failure("world", cmd, sshexec.Result{}, err)
	}
	if err := cmd.Validate(); err != nil {
		return sshexec.Result{}, sshexec.Failure("world", cmd, sshexec.Result{}, err)
	}
	words := cmd.Argv
	if words[0] == "world" {
		words = words[1:]
	}
	out, err := p.worldCommand(words)
	res := sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte(out)}
	if err != nil {
		res.ExitCode, res.Stderr = 1, []byte(err.Error()+"\n")
	}
	if cmd.Stdout != nil {
		if _, werr := cmd.Stdout.Write(res.Stdout); werr != nil {
			res.Outcome = sshexec.Unknown
			return res, sshexec.Failure("world", cmd, res, werr)
		}
		res.Stdout = nil
	}
	return res, sshexec.Failure("world", cmd, res, nil)
}

func (p *Pair) worldCommand(words []string) (string, error) {
	switch {
	case len(words) == 1 && words[0] == "now":
		return p.Now().UTC().Format(time.RFC3339) + "\n", nil
	case len(words) == 2 && words[0] == "sleep":
		d, err := time.ParseDuration(words[1])
		if err == nil {
			p.Advance(d)
		}
		return "", err
	case len(words) == 1 && words[0] == "report":
		data, err := json.MarshalIndent(p.Report(), "", "  ")
		return string(data) + "\n", err
	case len(words) == 1 && words[0] == "log":
		var b strings.Builder
		for _, e := range p.Log() {
			data, err := json.Marshal(e)
			if err != nil {
				return "", err
			}
			b.Write(data)
			b.WriteByte('\n')
		}
		return b.String(), nil
	case len(words) == 2 && words[0] == "install":
		return "", p.InstallOS(words[1])
	case len(words) == 2 && (words[0] == "power-off" || words[0] == "power-on"):
		var err error
		p.Do(func(s *simhost.State) {
			switch h := s.Host(words[1]); {
			case h == nil:
				err = fmt.Errorf("no such host: %s", words[1])
			case words[0] == "power-off":
				h.PowerOff(s)
			default:
				h.PowerOn(s)
			}
		})
		return "", err
	}
	return "", fmt.Errorf("world: unknown command %q", strings.Join(words, " "))
}
