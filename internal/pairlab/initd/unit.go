//go:build linux

package initd

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// unit is a service as its file describes it, reduced to what this init does. What it cannot do, such as User=, is an
// error: a daemon that runs otherwise than its unit says would be a false witness.
type unit struct {
	Name        string // without ".service"
	Description string
	Requires    []string // services that must run first
	After       []string
	PartOf      []string
	Unneeded    bool // StopWhenUnneeded

	Type        string // "simple", "notify" or "oneshot"
	Environment []string
	EnvFiles    []string // with a leading "-" when it may be missing
	StartPre    []command
	Start       []command
	Stop        []command
	Reload      []command
	Null        bool // stdout and stderr go nowhere
	RuntimeDirs []string

	Restart       string // "no", "on-failure" or "always"
	RestartDelay  time.Duration
	SuccessExit   []int
	NoRestartExit []int
	StartBurst    int // starts within StartInterval
	StartInterval time.Duration
	TimeoutStart  time.Duration // 0: none
	TimeoutStop   time.Duration
	KillMode      string // "control-group", "mixed", "process" or "none"
	SendSIGKILL   bool

	WantedBy []string
	Alias    []string
}

// command is one command line of a unit.
type command struct {
	argv   []string
	ignore bool // "-": its failure does not count
}

const suffix = ".service"

// newUnit reads what a unit file says of the service called name.
func newUnit(name string, f *unitFile) (*unit, error) {
	p := &unitParser{f: f}
	u := &unit{
		Name: name, Description: p.text("Unit", "Description", name),
		Requires: services(f.words("Unit", "Requires")), After: services(f.words("Unit", "After")), PartOf: services(f.words("Unit", "PartOf")),
		Unneeded: p.yes("Unit", "StopWhenUnneeded", false),
		Type:     p.oneOf("Type", "simple", "simple", "notify", "oneshot"),
		StartPre: p.commands("ExecStartPre"), Start: p.commands("ExecStart"), Stop: p.commands("ExecStop"), Reload: p.commands("ExecReload"),
		Null:         p.text("Service", "StandardError", "") == "null",
		RuntimeDirs:  f.words("Service", "RuntimeDirectory"),
		Restart:      p.oneOf("Restart", "no", "no", "on-failure", "always"),
		RestartDelay: p.span("Service", "RestartSec", 100*time.Millisecond),
		SuccessExit:  p.numbers("SuccessExitStatus"), NoRestartExit: p.numbers("RestartPreventExitStatus"),
		StartBurst: p.number("Unit", "StartLimitBurst", 5), StartInterval: p.span("Unit", "StartLimitIntervalSec", 10*time.Second),
		TimeoutStart: p.span("Service", "TimeoutStartSec", 90*time.Second), TimeoutStop: p.span("Service", "TimeoutStopSec", 90*time.Second),
		KillMode:    p.oneOf("KillMode", "control-group", "control-group", "mixed", "process", "none"),
		SendSIGKILL: p.yes("Service", "SendSIGKILL", true),
		WantedBy:    f.words("Install", "WantedBy"), Alias: services(f.words("Install", "Alias")),
	}
	for _, e := range f.sections["Service"]["Environment"] {
		words, err := splitWords(e.value)
		p.check(e, err)
		u.Environment = append(u.Environment, words...)
	}
	for _, e := range f.sections["Service"]["EnvironmentFile"] {
		u.EnvFiles = append(u.EnvFiles, e.value)
	}
	for _, key := range []string{"User", "Group", "DynamicUser", "RootDirectory", "ExecCondition"} {
		if e, ok := f.last("Service", key); ok {
			p.refuse(e, "%s= is not supported", key)
		}
	}
	if len(u.Start) == 0 || (len(u.Start) > 1 && u.Type != "oneshot") {
		p.refuse(entry{}, "%d ExecStart= lines", len(u.Start))
	}
	return u, p.errs.Err()
}

// services keeps the units that are services, without their suffix: targets and the like are always reached here.
func services(names []string) []string {
	var out []string
	for _, n := range names {
		if name, ok := strings.CutSuffix(n, suffix); ok {
			out = append(out, name)
		}
	}
	return out
}

// unitParser collects every mistake in a unit file.
type unitParser struct {
	f    *unitFile
	errs srcerr.List
}

func (p *unitParser) refuse(e entry, format string, args ...any) {
	p.errs = append(p.errs, srcerr.Errorf(p.f.name, e.line, 0, e.value, format, args...))
}

func (p *unitParser) check(e entry, err error) {
	if err != nil {
		p.refuse(e, "%w", err)
	}
}

func (p *unitParser) text(section, key, otherwise string) string {
	if e, ok := p.f.last(section, key); ok {
		return e.value
	}
	return otherwise
}

func (p *unitParser) yes(section, key string, otherwise bool) bool {
	e, ok := p.f.last(section, key)
	if !ok {
		return otherwise
	}
	switch strings.ToLower(e.value) {
	case "yes", "true", "on", "1":
		return true
	case "no", "false", "off", "0":
		return false
	}
	p.refuse(e, "%s= wants yes or no", key)
	return otherwise
}

func (p *unitParser) oneOf(key, otherwise string, values ...string) string {
	e, ok := p.f.last("Service", key)
	if !ok {
		return otherwise
	}
	if !slices.Contains(values, e.value) {
		p.refuse(e, "%s= is not supported but for %s", key, strings.Join(values, ", "))
	}
	return e.value
}

func (p *unitParser) span(section, key string, otherwise time.Duration) time.Duration {
	e, ok := p.f.last(section, key)
	if !ok {
		return otherwise
	}
	d, err := parseSpan(e.value)
	p.check(e, err)
	return d
}

func (p *unitParser) number(section, key string, otherwise int) int {
	e, ok := p.f.last(section, key)
	if !ok {
		return otherwise
	}
	n, err := strconv.Atoi(e.value)
	p.check(e, err)
	return n
}

func (p *unitParser) numbers(key string) []int {
	var all []int
	for _, e := range p.f.sections["Service"][key] {
		for _, w := range strings.Fields(e.value) {
			n, err := strconv.Atoi(w)
			p.check(e, err)
			all = append(all, n)
		}
	}
	return all
}

func (p *unitParser) commands(key string) []command {
	var all []command
	for _, e := range p.f.sections["Service"][key] {
		value, ignore := strings.CutPrefix(e.value, "-")
		words, err := splitWords(value)
		if err == nil && (len(words) == 0 || !strings.HasPrefix(words[0], "/")) {
			p.refuse(e, "%s= wants the absolute path of a program", key)
			continue
		}
		p.check(e, err)
		all = append(all, command{words, ignore})
	}
	return all
}
