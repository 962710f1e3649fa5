package cps

import (
	"errors"
	"io"
	"net/netip"
	"path"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// UserData is the user data of a VM on OpenStack, <alias>-cloud.cfg: a cloud-config of cloud-init, which writes the VM's files at its
// first boot (cps:789). It may hold passwords and keys: nothing but WriteTo shows a value of it.
type UserData struct {
	File       string                // the name errors and findings give
	Alias      string                // the VM, by the name of the file; empty where that is not <alias>-cloud.cfg
	Hostname   string                // what the VM is to be called; empty where the file does not say
	Keys       []string              // the keys of the first level, in order
	Files      []UserFile            // write_files
	Interfaces map[string]netip.Addr // IPADDR in the ifcfg-<interface> files among them
	hiddenText
}

// UserFile is a file that cloud-init writes.
type UserFile struct {
	Path        string
	Permissions string
	Line        int
}

const cloudConfig = "#cloud-config"

var (
	yamlLine  = regexp.MustCompile(`line (\d+)`)
	ifcfgName = regexp.MustCompile(`^/etc/sysconfig/network-scripts/ifcfg-([\w.:-]+)$`)
	ifcfgAddr = regexp.MustCompile(`(?m)^[ \t]*(?:IPADDR0?|IPV6ADDR)=["']?([^"'\s/]*)(?:/\d+)?["']?[ \t]*$`)
)

// ParseUserData reads <alias>-cloud.cfg. A first line that is not #cloud-config, what is no YAML mapping, a key given twice, and a file
// without an absolute path are errors. Errors quote no value.
func ParseUserData(r io.Reader) (*UserData, error) {
	src, err := readSource(r, "user data")
	if err != nil {
		return nil, err
	}
	u := &UserData{File: src.name, Interfaces: map[string]netip.Addr{}, hiddenText: src.hidden()}
	if m := cloudCfgName.FindStringSubmatch(path.Base(src.name)); m != nil {
		u.Alias = m[1]
	}
	if len(src.lines) == 0 || strings.TrimRight(src.lines[0].text, " \t") != cloudConfig || src.bom != "" {
		src.failf(1, 1, "", "the first line must be %s and nothing else: cloud-init would not take the file for its configuration", cloudConfig)
		return nil, src.err()
	}
	var text strings.Builder
	for _, l := range src.lines {
		text.WriteString(l.text + "\n")
	}
	var doc yaml.Node
	decoder := yaml.NewDecoder(strings.NewReader(text.String()))
	err = decoder.Decode(&doc)
	if err == nil && !errors.Is(decoder.Decode(&yaml.Node{}), io.EOF) {
		err = errors.New("a second document")
	}
	switch {
	case err != nil:
		line := 1
		if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
			line, _ = strconv.Atoi(m[1])
		}
		src.failf(line, 1, "", "not one YAML document (its text is not shown: it may hold a secret)")
	case len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode:
		src.failf(1, 1, "", "not a YAML mapping")
	default:
		noDoubleKeys(src, doc.Content[0])
		u.read(src, doc.Content[0])
	}
	if err := src.err(); err != nil {
		return nil, err
	}
	return u, nil
}

// noDoubleKeys notes the keys that a mapping has twice: programs differ in which of them counts.
func noDoubleKeys(src *source, n *yaml.Node) {
	seen := map[string]int{}
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			if first := seen[child.Value]; first != 0 && child.Kind == yaml.ScalarNode {
				src.failf(child.Line, child.Column, "", "a key is given twice, first on line %d", first)
			}
			seen[child.Value] = child.Line
		}
		noDoubleKeys(src, child)
	}
}

func (u *UserData) read(src *source, top *yaml.Node) {
	for i := 0; i+1 < len(top.Content); i += 2 {
		key, value := top.Content[i], top.Content[i+1]
		u.Keys = append(u.Keys, key.Value)
		switch key.Value {
		case "hostname", "fqdn":
			if value.Kind != yaml.ScalarNode {
				src.failf(value.Line, value.Column, "", "%s must be a name", key.Value)
			}
			if name, _, _ := strings.Cut(value.Value, "."); u.Hostname == "" || key.Value == "hostname" {
				u.Hostname = name
			}
		case "write_files":
			if value.Kind != yaml.SequenceNode {
				src.failf(value.Line, value.Column, "", "write_files must be a list")
				continue
			}
			for _, file := range value.Content {
				u.readFile(src, file)
			}
		}
	}
}

func (u *UserData) readFile(src *source, n *yaml.Node) {
	var f struct {
		Path        string `yaml:"path"`
		Permissions string `yaml:"permissions"`
		Encoding    string `yaml:"encoding"`
		Content     string `yaml:"content"`
	}
	if err := n.Decode(&f); n.Kind != yaml.MappingNode || err != nil || !path.IsAbs(f.Path) {
		src.failf(n.Line, n.Column, "", "an entry of write_files must have an absolute path, and texts as its fields")
		return
	}
	u.Files = append(u.Files, UserFile{f.Path, f.Permissions, n.Line})
	m := ifcfgName.FindStringSubmatch(f.Path)
	if m == nil || f.Encoding != "" && f.Encoding != "ascii" && f.Encoding != "text/plain" {
		return
	}
	for _, found := range ifcfgAddr.FindAllStringSubmatch(f.Content, -1) {
		addr, err := netip.ParseAddr(found[1])
		if err != nil {
			src.failf(n.Line, n.Column, "", "the address of %s is not an IP address", m[1])
			return
		}
		u.Interfaces[m[1]] = addr
	}
}

// Secrets are the values in the file that no text may show.
func (u *UserData) Secrets() []Secret {
	var b strings.Builder
	if _, err := u.WriteTo(&b); err != nil {
		return nil // a strings.Builder never fails
	}
	return SecretsIn(b.String())
}

// Findings compares the file with the VM that it is for.
func (u *UserData) Findings() []Finding {
	f := findings{file: u.File}
	if u.Alias != "" && u.Hostname != "" && !strings.EqualFold(u.Hostname, u.Alias) {
		f.add(Warning, 0, "CPS-035", "by its name the file is for %s, and the VM will be called %s", u.Alias, srcerr.Shown(u.Hostname))
	}
	written := map[string]int{}
	for _, file := range u.Files {
		if first := written[file.Path]; first != 0 {
			f.add(Warning, file.Line, "CPS-035", "%s is written twice, first by line %d", file.Path, first)
		}
		written[file.Path] = file.Line
	}
	if n := len(u.Secrets()); n > 0 {
		f.add(Info, 0, "CPS-035", "it holds what looks like a secret: keep the file readable to its owner alone")
	}
	return f.list
}

// Review compares the addresses that the file gives the VM with those of Hosts.csv.
func (u *UserData) Review(host Host) []Finding {
	f := findings{file: u.File, list: u.Findings()}
	if u.Alias != "" && u.Alias != host.Alias {
		f.add(Error, 0, "CPS-035", "the file is for %s and not for %s", u.Alias, host.Alias)
	}
	for _, file := range u.Files {
		m := ifcfgName.FindStringSubmatch(file.Path)
		if m == nil {
			continue
		}
		if addr, ok := u.Interfaces[m[1]]; ok && !hasAddress(host, addr) {
			f.add(Error, file.Line, "CPS-035", "it gives %s the address %s, which is not one of %s", m[1], addr, host.Alias)
		}
	}
	return f.list
}
