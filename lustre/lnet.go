package lustre

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// LNetDir is where the parameters of LNet's module are kept, in a file of any name (lustre:515).
const LNetDir = "/etc/modprobe.d"

// NID is the address of a node on a network of Lustre, such as 192.168.1.11@tcp or 10.0.0.1@o2ib1. The network with the
// number 0 has none: tcp0 is tcp.
type NID string

// Loopback tells whether it is the node's own 0@lo, which is always there.
func (n NID) Loopback() bool { return strings.HasSuffix(string(n), "@lo") }

var (
	nidText     = regexp.MustCompile(`^([0-9A-Za-z.:_-]+)@(o2ib|[a-z]+)([0-9]*)$`)
	optionsLNet = regexp.MustCompile(`^\s*options\s+lnet\s+(.*)$`)
	optionText  = regexp.MustCompile(`([a-z0-9_]+)=("[^"]*"|'[^']*'|[^\s"']\S*)`)
	networkText = regexp.MustCompile(`^(o2ib|[a-z]+)([0-9]*)(?:\(([^()]*)\))?(?:\[[^\]]*\])?$`)
)

// parseNID reads one NID, and writes it in the shortest form.
func parseNID(text string) (NID, error) {
	m := nidText.FindStringSubmatch(text)
	if m == nil {
		return "", fmt.Errorf("%q is no NID: ADDRESS@NETWORK", text)
	}
	return NID(m[1] + "@" + m[2] + strings.TrimLeft(m[3], "0")), nil
}

// ParseNIDs reads what "lctl list_nids" prints: a NID a line. None is an error: LNet is not up then.
func ParseNIDs(r io.Reader) ([]NID, error) {
	var nids []NID
	err := eachLine(r, func(line string) error {
		nid, err := parseNID(strings.TrimSpace(line))
		nids = append(nids, nid)
		return err
	})
	if err == nil && len(nids) == 0 {
		err = srcerr.Errorf(srcerr.NameOf(r), 1, 1, "", "there is no NID: LNet is not up")
	}
	if err != nil {
		return nil, err
	}
	return nids, nil
}

// LNetNI is an interface of LNet, as "lnetctl net show" has it.
type LNetNI struct {
	NID NID
	Up  bool
}

// ParseLNetNet reads what "lnetctl net show" prints, in YAML: since 2.10 a list of networks with their interfaces below
// "local NI(s)", before that one interface a network.
func ParseLNetNet(r io.Reader) ([]LNetNI, error) {
	data, err := srcerr.ReadText(r)
	if err != nil {
		return nil, err
	}
	type ni struct {
		NID    string `yaml:"nid"`
		Status string `yaml:"status"`
	}
	var doc struct {
		Net []struct {
			ni    `yaml:",inline"`
			Local []ni `yaml:"local NI(s)"`
		} `yaml:"net"`
	}
	bad := func(format string, args ...any) error {
		return srcerr.Errorf(srcerr.NameOf(r), 1, 1, "", "not what lnetctl net show prints: "+format, args...)
	}
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, bad("%w", err)
	}
	var list []LNetNI
	for _, n := range doc.Net {
		all := n.Local
		if n.NID != "" {
			all = append(slices.Clip(all), n.ni)
		}
		if len(all) == 0 {
			return nil, bad("a network has no interface")
		}
		for _, i := range all {
			nid, err := parseNID(i.NID)
			if err == nil && i.Status != "up" && i.Status != "down" {
				err = fmt.Errorf("%q is no status of an interface", i.Status)
			}
			if err != nil {
				return nil, bad("%w", err)
			}
			list = append(list, LNetNI{nid, i.Status == "up"})
		}
	}
	if len(list) == 0 {
		return nil, bad("there is no network")
	}
	return list, nil
}

// LNetNetwork is a network of Lustre and the interfaces that it is on.
type LNetNetwork struct {
	Name       string   // tcp, o2ib1
	Interfaces []string // none where LNet takes the first that it finds
}

// LNetOptions are the parameters of LNet's module.
type LNetOptions struct {
	Networks []LNetNetwork
	IP2Nets  string // networks by address, as it stands there; then Networks is empty
}

// ParseLNetOptions reads a file below /etc/modprobe.d (lustre:515-518): "options lnet networks=tcp0(eth0),o2ib0(ib0)",
// with or without quotes. ok tells whether it has options of LNet at all: other files there have not.
func ParseLNetOptions(r io.Reader) (o LNetOptions, ok bool, err error) {
	data, err := srcerr.ReadText(r)
	if err != nil {
		return o, false, err
	}
	text := strings.ReplaceAll(string(data), "\\\n", " ")
	err = eachLine(srcerr.Named(srcerr.NameOf(r), strings.NewReader(text)), func(line string) error {
		m := optionsLNet.FindStringSubmatch(line)
		if m == nil {
			return nil
		}
		ok = true
		return o.add(m[1])
	})
	if err == nil && ok && len(o.Networks) > 0 && o.IP2Nets != "" {
		err = srcerr.Errorf(srcerr.NameOf(r), 1, 1, "", "networks and ip2nets are both given: LNet takes one of them")
	}
	return o, ok, err
}

// add takes the options of one line.
func (o *LNetOptions) add(text string) error {
	rest := strings.TrimSpace(optionText.ReplaceAllString(text, ""))
	if rest != "" && !strings.HasPrefix(rest, "#") {
		return fmt.Errorf("%q is no option of a module: NAME=value", rest)
	}
	for _, m := range optionText.FindAllStringSubmatch(text, -1) {
		value := strings.Trim(m[2], `"'`)
		switch m[1] {
		case "ip2nets":
			o.IP2Nets = value
		case "networks":
			for _, one := range splitNetworks(value) {
				n, err := parseNetwork(one)
				if err != nil {
					return err
				}
				o.Networks = append(o.Networks, n)
			}
		}
	}
	return nil
}

// splitNetworks splits at commas outside of parentheses and brackets.
func splitNetworks(text string) (out []string) {
	depth, from := 0, 0
	for i, c := range text {
		switch c {
		case '(', '[':
			depth++
		case ')', ']':
			depth--
		case ',':
			if depth == 0 {
				out, from = append(out, strings.TrimSpace(text[from:i])), i+1
			}
		}
	}
	return append(out, strings.TrimSpace(text[from:]))
}

func parseNetwork(text string) (LNetNetwork, error) {
	m := networkText.FindStringSubmatch(text)
	if m == nil {
		return LNetNetwork{}, fmt.Errorf("%q is no network of LNet, such as tcp0(eth0)", text)
	}
	n := LNetNetwork{Name: m[1] + strings.TrimLeft(m[2], "0")}
	for _, i := range strings.Split(m[3], ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(i), "[") // the CPU partitions
		if name, _, _ = strings.Cut(name, ":"); name != "" {
			n.Interfaces = append(n.Interfaces, name)
		}
	}
	return n, nil
}

// NIDs are the NIDs that a node with these interfaces has by the options, that of the first interface of each network:
// whether further ones have NIDs of their own depends on the release. known tells whether they can be told at all: not
// where a network has no interface named, one is not among those, or ip2nets chooses, nor where a network is not
// addressed by IP.
func (o LNetOptions) NIDs(list []Interface) (nids []NID, known bool) {
	if o.IP2Nets != "" || len(o.Networks) == 0 {
		return nil, false
	}
	for _, n := range o.Networks {
		if !strings.HasPrefix(n.Name, "tcp") && !strings.HasPrefix(n.Name, "o2ib") || len(n.Interfaces) == 0 {
			return nil, false
		}
		a, err := firstIPv4(list, n.Interfaces[0])
		if err != nil {
			return nil, false
		}
		nids = append(nids, NID(a.String()+"@"+n.Name))
	}
	return nids, true
}

func firstIPv4(list []Interface, name string) (netip.Addr, error) {
	for _, i := range list {
		if i.Name != name {
			continue
		}
		for _, p := range i.Addresses {
			if p.Addr().Is4() {
				return p.Addr(), nil
			}
		}
	}
	return netip.Addr{}, errors.New("no such interface with an address")
}

// MissingNIDs are those of the first list that are not in the second.
func MissingNIDs(want, have []NID) []NID {
	return slices.DeleteFunc(slices.Clone(want), func(n NID) bool { return n.Loopback() || slices.Contains(have, n) })
}
