package cps

import (
	"io"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// HAProxyReport is the HAProxy check of diagnostics.sh --ha_proxy (cps:1724-1743).
type HAProxyReport struct {
	File     string // the name errors and findings give
	Verdict  Verdict
	URL      string // of the page with the complete status; empty when all is well
	Services []HAProxyService
	Notes    []string // the text between the tag and the list, one entry a line
}

// HAProxyService is a service of the list: "diameter-int1-vip-lb02-A DOWN L4CON" and the line of counts below it.
type HAProxyService struct {
	Name       string
	State      string // UP or DOWN, or another word of HAProxy; "no check" of a service that is not looked at
	Transition string // "1/2" of DOWN 1/2 (coming up), "1/3" of UP 1/3 (going down); else empty
	// how the last check failed, such as L4CON, or whose state it follows, "(via diameter/lb02)"; empty where it is not
	// printed
	Check      string
	Sessions   HAProxyCounts
	Rate       HAProxyCounts
	LastChange time.Duration // since the last change of state
	Line       int
}

// HAProxyCounts are current, highest and allowed number; Limit is nil where there is none.
type HAProxyCounts struct {
	Current, Max int64
	Limit        *int64
}

var (
	serviceForm = regexp.MustCompile(`^([A-Za-z0-9][\w.:-]*)\s+([A-Z][A-Z_]+|no check)(?:\s+(\d+/\d+))?` +
		`(?:\s+((?:\*\s*)?[A-Z0-9*][A-Za-z0-9*]*(?:/\d+)?(?: in \d+ms)?|\([^()]*\)))?$`)
	countsForm = regexp.MustCompile(`^Sessions \(current,max,limit\):\s*(\d+),(\d+),(\d*)\s*,?\s+Rate \(sessions,max,limit\):\s*(\d+),(\d+),(\d*)\s*,?\s+Last Status change \(seconds\):\s*(\d+)$`)
)

// ParseHAProxy reads the HAProxy check out of the output of diagnostics.sh. An output without the check, a list that is not closed, a
// service without its counts, and a warning that names no service are errors.
func ParseHAProxy(r io.Reader) (*HAProxyReport, error) {
	src, c, err := readCheck(r, "HAProxy")
	if err != nil {
		return nil, err
	}
	report := &HAProxyReport{File: src.name, Verdict: c.Verdict}
	report.read(src, c)
	if err := src.err(); err != nil {
		return nil, err
	}
	return report, nil
}

func (h *HAProxyReport) read(src *source, c Check) {
	rules, detail, detailLine := 0, "", 0
	for i, line := range c.Lines {
		text, no := strings.TrimSpace(line), c.numbers[i]
		switch {
		case text == "":
		case isRule(text):
			h.closeDetail(src, detailLine, &detail)
			detailLine = 0
			rules++
		case rules == 0 || rules > 1 && detailLine == 0 && !serviceForm.MatchString(text): // a second list may follow
			if u, err := url.Parse(text); err == nil && u.Scheme != "" && u.Host != "" {
				h.URL = text
				continue
			}
			if rules == 0 {
				h.Notes = append(h.Notes, text)
			}
		case serviceForm.MatchString(text):
			h.closeDetail(src, detailLine, &detail)
			m := serviceForm.FindStringSubmatch(text)
			h.Services = append(h.Services, HAProxyService{Name: m[1], State: m[2], Transition: m[3], Check: m[4], Line: no})
			detailLine = no
		case len(h.Services) == 0:
			src.failf(no, 1, text, "expected a service: NAME STATE CHECK")
		default:
			detail = strings.TrimSpace(detail + " " + text) // the line of counts wraps (cps:1735-1736)
		}
	}
	switch {
	case len(src.errs) > 0:
	case rules == 1:
		src.failf(src.end(), 0, "", "the list of services is cut off: its last rule is missing")
	case (h.Verdict == Warn || h.Verdict == Fail) && len(h.Services) == 0:
		src.failf(c.Line, 1, "["+string(h.Verdict)+"]", "the check names no service")
	case h.Verdict == NoVerdict:
		src.failf(c.Line, 1, c.Title, "the check has no result")
	}
}

// closeDetail reads the counts collected for the last service.
func (h *HAProxyReport) closeDetail(src *source, line int, detail *string) {
	if line == 0 || len(h.Services) == 0 {
		return
	}
	s := &h.Services[len(h.Services)-1]
	m := countsForm.FindStringSubmatch(*detail)
	if m == nil {
		src.failf(line, 1, *detail, "%s is not followed by its sessions, rate and last status change", s.Name)
		*detail = ""
		return
	}
	*detail = ""
	var numbers [7]int64
	for i, text := range m[1:] {
		if text == "" {
			continue // no limit
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || i == 6 && n > int64((1<<63-1)/time.Second) {
			src.failf(line, 1, text, "count of %s is too large", s.Name)
			return
		}
		numbers[i] = n
	}
	limit := func(i int) *int64 {
		if m[i+1] == "" {
			return nil
		}
		return &numbers[i]
	}
	s.Sessions = HAProxyCounts{Current: numbers[0], Max: numbers[1], Limit: limit(2)}
	s.Rate = HAProxyCounts{Current: numbers[3], Max: numbers[4], Limit: limit(5)}
	s.LastChange = time.Duration(numbers[6]) * time.Second
}

// ComingUp tells a service that is down and had its first good checks: DOWN 1/2 (cps:1729).
func (s HAProxyService) ComingUp() bool { return s.State == "DOWN" && s.Transition != "" }

// GoingDown tells a service that is up and had its first failed checks: UP 1/3 (cps:1729).
func (s HAProxyService) GoingDown() bool { return s.State == "UP" && s.Transition != "" }

// Down lists the services that are down and not coming up: those the guide's work-around is for (cps:1712).
func (h *HAProxyReport) Down() []HAProxyService {
	var down []HAProxyService
	for _, s := range h.Services {
		if s.State != "UP" && s.State != "no check" && !s.ComingUp() {
			down = append(down, s)
		}
	}
	return down
}

// Findings reports the services that are not up.
func (h *HAProxyReport) Findings() []Finding {
	f := findings{file: h.File}
	for _, s := range h.Services {
		switch {
		case s.ComingUp():
			f.add(Info, s.Line, "CPS-132", "%s is coming up (%s)", s.Name, s.Transition)
		case s.GoingDown():
			f.add(Warning, s.Line, "CPS-132", "%s is going down (%s)", s.Name, s.Transition)
		case s.State == "no check":
			f.add(Warning, s.Line, "CPS-131", "%s is not checked: whether it is up is not known", s.Name)
		case !s.Known():
			f.add(Error, s.Line, "CPS-131", "the state %s of %s is not known", s.State, s.Name)
		case s.State != "UP":
			f.add(Error, s.Line, "CPS-131", "%s is %s, for %s", s.Name, strings.TrimSpace(s.State+" "+s.Check), printable.Duration(s.LastChange))
		}
	}
	return f.list
}

// Known tells a state that HAProxy has; what any other means for the traffic nobody can say.
func (s HAProxyService) Known() bool {
	return slices.Contains([]string{"UP", "DOWN", "MAINT", "DRAIN", "NOLB", "OPEN", "STOPPED", "no check"}, s.State)
}

// Of tells whether a service is of a load balancer: diameter-int1-vip-lb02-A is of lb02.
func (s HAProxyService) Of(lb string) bool { return strings.Contains(s.Name+"-", "-"+lb+"-") }
