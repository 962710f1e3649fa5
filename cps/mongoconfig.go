package cps

import (
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
)

// MongoConfig is /etc/broadhop/mongoConfig.cfg: the replica sets of a cluster (cps:631,1821; the guide also calls it mongocfg.cfg).
type MongoConfig struct {
	File string // the name errors and findings give
	Sets []ReplicaSet
	textFile
}

// ReplicaSet is one section, from [SESSION-SET1] to [SESSION-SET1-END].
type ReplicaSet struct {
	Label           string        // SESSION-SET1: what the logs of migrate.sh call it
	Type            string        // SESSION
	Name            string        // SETNAME: what mongod and the replica table call it
	Site            string        // the GR site whose lines enclose the section; empty in a single-site file
	OplogMB         int           // OPLOG_SIZE in megabytes; 0 where it is not given
	Arbiters        []MongoMember // ARBITER, or ARBITER1 and on
	ArbiterDataPath string
	Members         []MongoMember // MEMBER1 and on: those that hold data
	DataPath        string
	Other           []KeyValue // keys this package does not interpret, in their order
	Line            int        // where the section begins
}

// MongoMember is a mongod of a replica set.
type MongoMember struct {
	Key  string // MEMBER1, ARBITER
	Host string
	Port int
	Role string // PRIMARY or SECONDARY under such a line of a hot-standby set, else empty
	Line int
}

// Address is host:port.
func (m MongoMember) Address() string { return net.JoinHostPort(m.Host, strconv.Itoa(m.Port)) }

// KeyValue is a KEY=VALUE line.
type KeyValue struct {
	Key, Value string
	Line       int
}

var (
	sectionForm = regexp.MustCompile(`^\[([^\]]*)\]$`)
	labelForm   = regexp.MustCompile(`^([A-Z][A-Z0-9_]*)-SET(\d+)$`)
	siteForm    = regexp.MustCompile(`^#?\s*(\w+?)_(START|END)$`)
	keyForm     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]*$`)
	memberForm  = regexp.MustCompile(`^MEMBER\d+$`)
	arbiterForm = regexp.MustCompile(`^ARBITER\d*$`)
	roleForm    = regexp.MustCompile(`^(PRIMARY|SECONDARY)-MEMBERS$`)
)

// ParseMongoConfig reads mongoConfig.cfg. A section that is not ended, an end without a beginning, text outside a section, a line that
// is no KEY=VALUE, anything given twice, and a set without SETNAME or members are errors. Comments and unknown keys are kept.
func ParseMongoConfig(r io.Reader) (*MongoConfig, error) {
	src, err := readSource(r, "mongoConfig.cfg")
	if err != nil {
		return nil, err
	}
	config := &MongoConfig{File: src.name, textFile: src.text()}
	p := mongoConfigParser{src: src, config: config, labels: map[string]int{}, names: map[string]int{}}
	for _, l := range src.lines {
		p.line(l)
	}
	if p.set != nil {
		src.failf(p.set.Line, 1, "["+p.set.Label+"]", "section is not ended by [%s-END]", p.set.Label)
	}
	if p.site != "" {
		src.failf(p.siteLine, 1, p.site+"_START", "site is not ended by %s_END", p.site)
	}
	if len(p.config.Sets) == 0 && len(src.errs) == 0 {
		src.failf(src.end(), 0, "", "no replica set is defined")
	}
	if err := src.err(); err != nil {
		return nil, err
	}
	return p.config, nil
}

type mongoConfigParser struct {
	src      *source
	config   *MongoConfig
	set      *ReplicaSet // the open section
	keys     map[string]int
	role     string
	site     string
	siteLine int
	labels   map[string]int // line by site and label
	names    map[string]int // line by site and SETNAME
}

func (p *mongoConfigParser) line(l sourceLine) {
	text := strings.TrimSpace(l.text)
	switch {
	case text == "":
	case siteForm.MatchString(text):
		p.siteMark(l, text)
	case strings.HasPrefix(text, "#"):
	case sectionForm.MatchString(text):
		p.section(l, sectionForm.FindStringSubmatch(text)[1])
	case p.set == nil:
		p.src.failAt(l, text, "text outside a section")
	case roleForm.MatchString(text):
		if p.role = roleForm.FindStringSubmatch(text)[1]; p.keys[text] != 0 {
			p.src.failAt(l, text, "given twice in section [%s], first on line %d", p.set.Label, p.keys[text])
		}
		p.keys[text] = l.no
	default:
		p.keyValue(l, text)
	}
}

// siteMark reads the lines between which a GR file has the sets of a site; they are comments to CPS itself where they begin with #.
func (p *mongoConfigParser) siteMark(l sourceLine, text string) {
	m := siteForm.FindStringSubmatch(text)
	site, start := m[1], m[2] == "START"
	switch {
	case p.set != nil:
		p.src.failAt(l, text, "site mark inside section [%s]", p.set.Label)
	case start && p.site != "":
		p.src.failAt(l, text, "site %s begins before site %s has ended", site, p.site)
	case start:
		p.site, p.siteLine = site, l.no
	case p.site != site:
		p.src.failAt(l, text, "end of a site that has not begun")
	default:
		p.site = ""
	}
}

func (p *mongoConfigParser) section(l sourceLine, label string) {
	if begun, isEnd := strings.CutSuffix(label, "-END"); isEnd {
		switch {
		case p.set == nil:
			p.src.failAt(l, "["+label, "end without a beginning [%s]", begun)
		case p.set.Label != begun:
			p.src.failAt(l, "["+label, "section [%s], begun on line %d, is ended by another name", p.set.Label, p.set.Line)
			p.set = nil
		default:
			p.finish()
		}
		return
	}
	if p.set != nil {
		p.src.failAt(l, "["+label, "section [%s], begun on line %d, is not ended by [%s-END]", p.set.Label, p.set.Line, p.set.Label)
		p.set = nil
	}
	m := labelForm.FindStringSubmatch(label)
	if m == nil {
		p.src.failAt(l, "["+label, "not the name of a section: it must be like SESSION-SET1")
		m = []string{label, label, ""}
	}
	key := p.site + "\x00" + label
	if first := p.labels[key]; first != 0 {
		p.src.failAt(l, "["+label, "section given twice, first on line %d", first)
	} else {
		p.labels[key] = l.no
	}
	p.set = &ReplicaSet{Label: label, Type: m[1], Site: p.site, Line: l.no}
	p.keys, p.role = map[string]int{}, ""
}

// finish closes the open section and checks that it says what a replica set must say.
func (p *mongoConfigParser) finish() {
	set := p.set
	p.set = nil
	if set.Name == "" {
		p.src.failf(set.Line, 1, "["+set.Label+"]", "section has no SETNAME")
	} else {
		key := p.site + "\x00" + set.Name
		if first := p.names[key]; first != 0 {
			p.src.failf(set.Line, 1, set.Name, "SETNAME given twice, first in the section on line %d", first)
		}
		p.names[key] = set.Line
	}
	if len(set.Members) == 0 {
		p.src.failf(set.Line, 1, "["+set.Label+"]", "section has no MEMBER")
	}
	p.config.Sets = append(p.config.Sets, *set)
}

func (p *mongoConfigParser) keyValue(l sourceLine, text string) {
	key, value, found := strings.Cut(text, "=")
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	if !found || !keyForm.MatchString(key) {
		p.src.failAt(l, text, "not a KEY=VALUE line in section [%s]", p.set.Label)
		return
	}
	once := key
	if memberForm.MatchString(key) {
		once = p.role + " " + key // MEMBER1 of the PRIMARY-MEMBERS and of the SECONDARY-MEMBERS are two
	}
	if first := p.keys[once]; first != 0 {
		p.src.failAt(l, text, "key given twice in section [%s], first on line %d", p.set.Label, first)
		return
	}
	p.keys[once] = l.no
	switch {
	case key == "SETNAME":
		if value == "" || strings.ContainsAny(value, " \t") {
			p.src.failAt(l, text, "SETNAME must be one word")
		}
		p.set.Name = value
	case key == "OPLOG_SIZE":
		mb, err := strconv.Atoi(value)
		if err != nil || mb <= 0 {
			p.src.failf(l.no, 1, "", "OPLOG_SIZE must be a number of megabytes (what stands there may be a secret, and is not shown)")
			return
		}
		p.set.OplogMB = mb
	case key == "ARBITER_DATA_PATH":
		p.set.ArbiterDataPath = value
	case key == "DATA_PATH":
		p.set.DataPath = value
	case arbiterForm.MatchString(key):
		if m, ok := p.member(l, key, value); ok {
			p.set.Arbiters = append(p.set.Arbiters, m)
		}
	case memberForm.MatchString(key):
		if m, ok := p.member(l, key, value); ok {
			m.Role = p.role
			p.set.Members = append(p.set.Members, m)
		}
	default:
		p.set.Other = append(p.set.Other, KeyValue{Key: key, Value: value, Line: l.no})
	}
}

func (p *mongoConfigParser) member(l sourceLine, key, value string) (MongoMember, bool) {
	host, portText, err := net.SplitHostPort(value)
	port, portErr := strconv.ParseUint(portText, 10, 16)
	if err != nil || portErr != nil || port == 0 || host == "" || strings.ContainsAny(host, " \t,") {
		p.src.failAt(l, value, "%s must be host:port", key)
		return MongoMember{}, false
	}
	m := MongoMember{Key: key, Host: host, Port: int(port), Line: l.no}
	if slices.ContainsFunc(slices.Concat(p.set.Members, p.set.Arbiters),
		func(o MongoMember) bool { return o.Host == m.Host && o.Port == m.Port }) {
		p.src.failAt(l, value, "member given twice in section [%s]", p.set.Label)
		return MongoMember{}, false
	}
	return m, true
}

// ByName finds a replica set by SETNAME, or by its label.
func (c *MongoConfig) ByName(name string) (ReplicaSet, bool) {
	i := slices.IndexFunc(c.Sets, func(s ReplicaSet) bool { return s.Name == name || s.Label == name })
	if i < 0 {
		return ReplicaSet{}, false
	}
	return c.Sets[i], true
}

// Sharded tells whether sharding is configured in the file: a set of SHARD type, SHARD keys, or SEEDS. Such a cluster cannot be rolled
// back by migrate.sh (cps:1822). The findings say where.
func (c *MongoConfig) Sharded() (bool, []Finding) {
	f := findings{file: c.File}
	for _, set := range c.Sets {
		if strings.Contains(set.Type, "SHARD") {
			f.add(Error, set.Line, "CPS-247", "%s configures sharding: migrate.sh rollback does not support it", set.Label)
		}
		for _, kv := range set.Other {
			if (strings.Contains(kv.Key, "SHARD") || kv.Key == "SEEDS") && kv.Value != "" {
				f.add(Error, kv.Line, "CPS-247", "%s=%s of %s configures sharding: migrate.sh rollback does not support it", kv.Key,
					kv.Value, set.Label)
			}
		}
	}
	return len(f.list) > 0, f.list
}

// Findings checks the definitions: two sets on one port of one host, and sets that lose their majority with any one member.
func (c *MongoConfig) Findings() []Finding {
	f := findings{file: c.File}
	used := map[string]string{}
	for _, set := range c.Sets {
		members := slices.Concat(set.Members, set.Arbiters)
		for _, m := range members {
			if other, taken := used[m.Address()]; taken {
				f.add(Error, m.Line, "MON-002", "%s of %s already belongs to %s", m.Address(), set.Label, other)
			}
			used[m.Address()] = set.Label
		}
		if majority := len(members)/2 + 1; len(members)-1 < majority {
			f.add(Warning, set.Line, "MON-016", "%s has %s: without one of them it has no majority", set, printable.Count(len(members), "voter"))
		}
	}
	return f.list
}

// String names the replica set and its label in mongoConfig.cfg.
func (s ReplicaSet) String() string { return fmt.Sprintf("replica set %s (%s)", s.Name, s.Label) }

// Title is the set's header in the replica table, SESSION:set01.
func (s ReplicaSet) Title() string { return s.Type + ":" + s.Name }

// Has tells whether a member of the table is one of mongoConfig.cfg.
func (s ReplicaSet) Has(member TableMember) bool {
	same := func(m MongoMember) bool { return m.Host == member.Host && m.Port == member.Port }
	return slices.ContainsFunc(s.Members, same) || slices.ContainsFunc(s.Arbiters, same)
}
