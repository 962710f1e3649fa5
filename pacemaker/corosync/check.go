package corosync

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// Problems is what is wrong with the file as a whole: what is taken otherwise than it was meant, and, where no release
// of corosync takes the file, what those refuse that know all that it asks for and come nearest to taking it. A file
// without problems may still be for another release; see [Conf.Releases]. Each problem has its line.
func (c *Conf) Problems() []*ParseError {
	if c.empty() {
		return []*ParseError{{File: "corosync.conf", Err: errNoConf}}
	}
	p := problems{conf: c}
	totem, err := c.Totem()
	p.also(err)
	nodes, err := c.NodeList()
	p.also(err)
	quorum, err := c.Quorum()
	p.also(err)
	_, err = c.Logging()
	p.also(err)
	_, err = c.Services()
	p.also(err)
	p.sections()
	p.totem(totem)
	p.nodes(nodes)
	p.quorum(quorum, nodes)
	p.refused(c.Releases())
	slices.SortStableFunc(p.list, func(a, b *ParseError) int { return a.Line - b.Line })
	return p.list
}

// Check is an error where no release of corosync takes the file: the problems that stand in the way, each with its line.
func (c *Conf) Check() error {
	if r := c.Releases(); r.From <= r.To {
		return nil
	}
	err := srcerr.List(c.Problems()).Err()
	if err == nil {
		err = errors.New("it has no totem section")
	}
	return fmt.Errorf("no release of corosync takes this corosync.conf: %w", err)
}

// refused adds what stands in the way of each release, where none takes the file.
func (p *problems) refused(r Releases) {
	if r.From <= r.To || len(p.conf.Root.Sections("totem")) == 0 {
		return // without a totem section there is nothing more to say
	}
	first := 1
	for _, m := range r.Marks {
		first = max(first, m.From)
	}
	last := newestCorosync
	if nodes, _ := p.conf.NodeList(); len(nodes) == 0 && first < newestCorosync {
		last-- // it wants a nodelist
	}
	least := math.MaxInt
	for major := first; major <= last; major++ {
		least = min(least, len(p.conf.Refusals(major)))
	}
	for major := first; major <= last; major++ {
		refusals := p.conf.Refusals(major)
		if len(refusals) > least {
			continue // the file is rather for another
		}
		for _, refusal := range refusals {
			p.refusal(refusal)
		}
	}
}

type problems struct {
	conf *Conf
	list []*ParseError
}

func (p *problems) add(line int, near, format string, args ...any) {
	p.list = append(p.list, srcerr.Errorf(p.conf.name, line, 1, near, format, args...))
}

// value adds what is wrong with a value, unless something was said of it already.
func (p *problems) value(item entry, format string, args ...any) {
	m := model{conf: p.conf}
	m.fail(&item, format, args...)
	p.refusal(m.errs[0])
}

// refusal adds what is not said already.
func (p *problems) refusal(e *ParseError) {
	same := func(other *ParseError) bool {
		return other.Line == e.Line && (other.Near == e.Near && e.Col > 1 || other.Err.Error() == e.Err.Error())
	}
	if !slices.ContainsFunc(p.list, same) {
		p.list = append(p.list, e)
	}
}

// also takes over the errors of a typed view.
func (p *problems) also(err error) {
	switch e := err.(type) { //nolint:errorlint // the views return these two, unwrapped
	case srcerr.List:
		p.list = append(p.list, e...)
	case *srcerr.Error:
		p.list = append(p.list, e)
	}
}

// sections finds keys that stand twice in one section, of which the last one counts and nobody sees it, and values that
// are more than was meant.
func (p *problems) sections() {
	var visit func(s *Section)
	visit = func(s *Section) {
		seen := make(map[string]int)
		for _, item := range s.items {
			if item.section != nil {
				visit(item.section)
				continue
			}
			if line, twice := seen[item.key]; twice && item.key != "" {
				p.add(item.line, item.key, "%s stands in line %d as well: this one counts", item.key, line)
			}
			seen[item.key] = item.line
			_, isAddress := ringAddress(item.key)
			isAddress = isAddress && s.Name == "node" || item.key == "bindnetaddr" && s.Name == "interface"
			switch {
			case isAddress && family(item.value) == 0 && !hostName(item.value):
				p.value(item, "neither an address nor the name of a host%s", behind(item.value))
			case (s.Name == "totem" || s.Name == "interface" || s.Name == "node" || s.Name == "quorum") && strings.Contains(item.value, " #"):
				p.value(item, "a comment behind a value is a part of it for corosync")
			}
		}
	}
	visit(p.conf.Root)
}

func (p *problems) totem(t Totem) {
	section := p.conf.Root.Sections("totem")
	if len(section) == 0 {
		return
	}
	if t.Transport != "" && !slices.Contains([]string{"udp", "udpu", "knet", "iba"}, t.Transport) {
		p.add(section[0].lineOf("transport"), "transport: "+t.Transport, "unknown transport")
	}
	rings := make(map[int]int)
	for _, i := range t.Interfaces {
		if other, taken := rings[i.Ring]; taken {
			p.add(i.Line, "interface", "ring %d is also the interface of line %d (a missing number is 0)", i.Ring, other)
		}
		rings[i.Ring] = i.Line
		if i.Ring >= MaxLinks {
			p.add(i.Line, "interface", "ring %d: there are at most %d", i.Ring, MaxLinks)
		}
		if i.McastPort > 65535 {
			p.add(i.Line, "mcastport: "+strconv.Itoa(i.McastPort), "not a port")
		}
		if i.Broadcast && i.McastAddr != "" {
			p.add(i.Line, "interface", "ring %d has a multicast address and broadcast: only one can be used", i.Ring)
		}
	}
}

func (p *problems) nodes(nodes []Node) {
	ids, names := make(map[int]int), make(map[string]int)
	addresses := make(map[string]int)
	for _, n := range nodes {
		if line, taken := ids[n.ID]; taken && n.ID != 0 {
			p.add(n.Line, "node {", "nodeid %d is also that of line %d", n.ID, line)
		}
		if line, taken := names[n.Name]; taken && n.Name != "" {
			p.add(n.Line, "node {", "the name %s is also that of line %d", n.Name, line)
		}
		ids[n.ID], names[n.Name] = n.Line, n.Line
		if len(n.Addresses) == 0 {
			p.add(n.Line, "node {", "no ring0_addr")
		}
		for ring := range len(n.Addresses) {
			a, ok := n.Addresses[ring]
			if !ok {
				p.add(n.Line, "node {", "no ring%d_addr, though there are others", ring)
				continue
			}
			key := fmt.Sprintf("%d %s", ring, a)
			if line, taken := addresses[key]; taken {
				p.add(n.Line, "node {", "ring%d_addr %s is also that of line %d", ring, a, line)
			}
			addresses[key] = n.Line
		}
	}
}

func (p *problems) quorum(q Quorum, nodes []Node) {
	section := p.conf.Root.Sections("quorum")
	if len(section) == 0 {
		return
	}
	s := section[0]
	if q.Provider != "" && !slices.Contains([]string{"corosync_votequorum", "corosync_quorum_ykd"}, q.Provider) {
		p.add(s.lineOf("provider"), "provider: "+q.Provider, "unknown provider")
	}
	if q.TwoNode && len(nodes) != 0 && len(nodes) != 2 {
		p.add(s.lineOf("two_node"), "two_node: 1", "the nodelist has %d nodes", len(nodes))
	}
	if q.TwoNode && q.ExpectedVotes != 0 && q.ExpectedVotes != 2 {
		p.add(s.lineOf("two_node"), "two_node: 1", "expected_votes is %d", q.ExpectedVotes)
	}
	if q.TwoNode && q.AutoTieBreaker {
		p.add(s.lineOf("two_node"), "two_node: 1", "it does not go with auto_tie_breaker: corosync leaves two_node out")
	}
	if q.TwoNode && q.Device != nil {
		p.add(s.lineOf("two_node"), "two_node: 1", "it cannot be used with the quorum device of line %d", q.Device.Line)
	}
	if q.Device != nil && q.Device.Model == "" {
		p.add(q.Device.Line, "device {", "the quorum device has no model")
	}
	if q.Device != nil && q.Device.Model == "net" && q.Device.Net.Host == "" {
		p.add(q.Device.Line, "device {", "the quorum device has no host")
	}
}

// lineOf is the line of a key, or of the section where it is absent.
func (s *Section) lineOf(key string) int {
	if item := s.find(key); item != nil {
		return item.line
	}
	return s.Line
}
