package lustre

import (
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

var (
	lnetYAMLLine  = regexp.MustCompile(`line (\d+)`)
	lnetInterface = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9_.@-]*)(?::\d+)?(?:\[[^\]]*\])?$`)
)

// ParseLNetConf reads [LNetConfPath], as `lnetctl export` writes it and as the Lustre manual has it for `lnetctl import` (chapter
// "LNet Software Multi-Rail"): net with its local NIs, their interfaces and tunables; peer; route. Keys that it does not know are kept.
// A form that it does not know, a key twice and an interface twice in one network are errors, each with its place.
func ParseLNetConf(r io.Reader) (*LNetConf, error) {
	data, err := srcerr.ReadText(r)
	if err != nil {
		return nil, err
	}
	p := lnetReader{file: srcerr.NameOf(r), conf: &LNetConf{}}
	var doc yaml.Node
	d := yaml.NewDecoder(strings.NewReader(string(data)))
	err = d.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return p.conf, nil
	}
	if err == nil && !errors.Is(d.Decode(&yaml.Node{}), io.EOF) {
		err = errors.New("there is a second document, or what follows is no YAML")
	}
	if err != nil {
		line := 1
		if m := lnetYAMLLine.FindStringSubmatch(err.Error()); m != nil {
			line, _ = strconv.Atoi(m[1])
		}
		return nil, srcerr.Errorf(p.file, line, 1, "", "not one document of YAML: %w", err)
	}
	if top := doc.Content[0]; top.Tag != "!!null" {
		p.mapping(top, "the file", func(key string, value *yaml.Node) {
			switch key {
			case "net":
				p.list(value, key, p.network)
			case "peer":
				p.list(value, key, p.peer)
			case "route":
				p.list(value, key, p.route)
			default:
				p.keep(key, value)
			}
		})
	}
	if err := p.errs.Err(); err != nil {
		return nil, err
	}
	return p.conf, nil
}

// lnetReader reads the nodes of a file, and notes what is wrong with each place.
type lnetReader struct {
	file string
	conf *LNetConf
	errs srcerr.List
}

func (p *lnetReader) bad(n *yaml.Node, format string, args ...any) {
	p.errs = append(p.errs, srcerr.Errorf(p.file, n.Line, n.Column, n.Value, format, args...))
}

// keep keeps what this package does not know.
func (p *lnetReader) keep(key string, n *yaml.Node) {
	text := n.Value
	if n.Kind != yaml.ScalarNode {
		raw, err := yaml.Marshal(n)
		if err != nil {
			p.bad(n, "%s cannot be read: %v", key, err)
		}
		text = strings.TrimSpace(string(raw))
	}
	p.conf.Other = append(p.conf.Other, LNetSetting{key, text})
}

// mapping gives each key of a mapping to a function.
func (p *lnetReader) mapping(n *yaml.Node, what string, read func(key string, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		p.bad(n, "%s is no mapping: KEY: VALUE", what)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Kind != yaml.ScalarNode || key.Value == "":
			p.bad(key, "a key of %s is no word", what)
		case seen[key.Value]:
			p.bad(key, "%s has the key %q twice", what, key.Value)
		default:
			seen[key.Value] = true
			read(key.Value, n.Content[i+1])
		}
	}
}

// list gives each element of a list to a function; a list of nothing is none.
func (p *lnetReader) list(n *yaml.Node, what string, read func(*yaml.Node)) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return
	}
	if n.Kind != yaml.SequenceNode {
		p.bad(n, "%s is no list", what)
		return
	}
	for _, one := range n.Content {
		read(one)
	}
}

func (p *lnetReader) text(n *yaml.Node, what string) string {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		p.bad(n, "%s is no single value", what)
		return ""
	}
	return n.Value
}

func (p *lnetReader) nid(n *yaml.Node, what string) NID {
	text := p.text(n, what)
	nid, err := parseNID(text)
	if text != "" && err != nil {
		p.bad(n, "%s: %w", what, err)
	}
	return nid
}

// named is a network by its name alone, without interfaces.
func (p *lnetReader) named(n *yaml.Node, what string) string {
	text := p.text(n, what)
	net, err := parseNetwork(text)
	if err == nil && strings.ContainsAny(text, "([") {
		err = errors.New("a network has its interfaces below it here")
	}
	if text != "" && err != nil {
		p.bad(n, "%s: %w", what, err)
	}
	return net.Name
}

// network reads a network: with a list of interfaces since 2.10, with one of its own before.
func (p *lnetReader) network(n *yaml.Node) {
	var name string
	var local, own []*yaml.Node
	other := map[string]*yaml.Node{}
	p.mapping(n, "a network", func(key string, value *yaml.Node) {
		switch key {
		case "net type", "net":
			name = p.named(value, key)
		case "local NI(s)":
			p.list(value, key, func(ni *yaml.Node) { local = append(local, ni) })
		case "nid", "interfaces", "tunables", "lnd tunables":
			own = append(own, value)
		default:
			other[key] = value
		}
	})
	switch {
	case n.Kind != yaml.MappingNode:
		return
	case name == "":
		p.bad(n, "a network has no name: net type")
		return
	case len(own) > 0 && len(local) > 0:
		p.bad(n, "network %s has interfaces of two forms: local NI(s), and one of its own", name)
		return
	case len(own) > 0:
		local = []*yaml.Node{n}
	case len(local) == 0:
		p.bad(n, "network %s has no interface: local NI(s)", name)
	}
	if len(own) == 0 {
		for _, key := range slices.Sorted(maps.Keys(other)) {
			p.keep("net "+name+"/"+key, other[key])
		}
	}
	for _, ni := range local {
		p.ni(ni, name)
	}
}

// ni reads an interface of a network.
func (p *lnetReader) ni(n *yaml.Node, network string) {
	ni := LNetConfNI{Network: network}
	p.mapping(n, "an interface of "+network, func(key string, value *yaml.Node) {
		switch key {
		case "net type", "net":
		case "nid":
			ni.NID = p.nid(value, key)
		case "interfaces":
			p.mapping(value, key, func(no string, name *yaml.Node) {
				if _, err := strconv.ParseUint(no, 10, 16); err != nil {
					p.bad(name, "interfaces: %q is no number of an interface", no)
				}
				m := lnetInterface.FindStringSubmatch(p.text(name, key))
				if m == nil {
					p.bad(name, "interfaces: not the name of an interface")
					return
				}
				ni.Interfaces = append(ni.Interfaces, m[1])
			})
		case "tunables", "lnd tunables":
			p.mapping(value, key, func(name string, v *yaml.Node) { ni.Tunables = keep(ni.Tunables, name, p.text(v, name)) })
		default:
			p.keep("net "+network+"/"+key, value)
		}
	})
	if n.Kind != yaml.MappingNode {
		return
	}
	if _, of, _ := strings.Cut(string(ni.NID), "@"); ni.NID != "" && of != network {
		p.bad(n, "the NID %s is not of the network %s", ni.NID, network)
	}
	if ni.NID == "" && len(ni.Interfaces) == 0 {
		p.bad(n, "an interface of %s has neither a NID nor interfaces", network)
	}
	for i, name := range ni.Interfaces {
		if slices.Contains(ni.Interfaces[:i], name) {
			p.bad(n, "network %s is on %s twice", network, name)
		}
	}
	for _, other := range p.conf.NIs {
		if ni.NID != "" && other.NID == ni.NID {
			p.bad(n, "the NID %s is there twice", ni.NID)
		}
		for _, name := range ni.Interfaces {
			// a second address of one interface is another NID on it
			if other.Network == network && (other.NID == "" || ni.NID == "") && slices.Contains(other.Interfaces, name) {
				p.bad(n, "network %s is on %s twice", network, name)
			}
		}
	}
	p.conf.NIs = append(p.conf.NIs, ni)
}

func (p *lnetReader) peer(n *yaml.Node) {
	var peer LNetPeer
	p.mapping(n, "a peer", func(key string, value *yaml.Node) {
		switch key {
		case "primary nid":
			peer.Primary = p.nid(value, key)
		case "Multi-Rail":
			is, err := strconv.ParseBool(p.text(value, key))
			if peer.MultiRail = is; err != nil {
				p.bad(value, "Multi-Rail is neither True nor False")
			}
		case "peer ni":
			p.list(value, key, func(ni *yaml.Node) {
				var nid NID
				p.mapping(ni, key, func(k string, v *yaml.Node) {
					if k == "nid" {
						nid = p.nid(v, k)
						return
					}
					p.keep("peer ni/"+k, v)
				})
				if peer.NIDs = append(peer.NIDs, nid); nid == "" && ni.Kind == yaml.MappingNode {
					p.bad(ni, "a peer ni has no nid")
				}
			})
		default:
			p.keep("peer/"+key, value)
		}
	})
	if peer.Primary == "" && n.Kind == yaml.MappingNode {
		p.bad(n, "a peer has no primary nid")
	}
	p.conf.Peers = append(p.conf.Peers, peer)
}

func (p *lnetReader) route(n *yaml.Node) {
	var route LNetRoute
	p.mapping(n, "a route", func(key string, value *yaml.Node) {
		switch key {
		case "net":
			route.Network = p.named(value, key)
		case "gateway":
			route.Gateway = p.nid(value, key)
		default:
			p.keep("route/"+key, value)
		}
	})
	if (route.Network == "" || route.Gateway == "") && n.Kind == yaml.MappingNode {
		p.bad(n, "a route has no net, or no gateway")
	}
	p.conf.Routes = append(p.conf.Routes, route)
}
