package cps

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Boot is what "nova boot" needs to make a VM on OpenStack (cps:789-821,1163-1195).
type Boot struct {
	Name     string // the alias of the VM
	UserData string // the file of the VM's user data, <alias>-cloud.cfg
	Image    string // new_base_vm
	Flavor   string
	NICs     []NIC
	Volumes  []Volume
	Zone     string   // availability zone, such as az-1:os8-compute-1.cisco.com
	Other    []string // options --NAME=VALUE that this package does not know, as given
	Line     int
}

// NIC is a network that a VM is on.
type NIC struct {
	NetID   string     // a UUID, as given: see Boot.Check
	FixedIP netip.Addr // not valid where the network is to choose one
}

// Volume is a disk that is there already and that the VM gets.
type Volume struct {
	Device       string // /dev/vdb
	ID           string // a UUID, as given: see Boot.Check
	DeleteWithVM bool   // OpenStack deletes the volume when it deletes the VM
}

var (
	bootStart    = regexp.MustCompile(`^(?:\[[^\]]*\][#$] *)?nova boot\b`)
	bootWord     = regexp.MustCompile(`^(?:[^\s"'\\$` + "`" + `;&|<>()]|"[^"\\$` + "`" + `]*"|'[^']*')+`)
	bootMapping  = regexp.MustCompile(`^(/dev/[a-z0-9]+)=([^:,\s]+):([a-z]*):(\d*):([01]?)$`)
	bootPlain    = regexp.MustCompile(`^[\w./][\w.:/@ -]*$`)
	otherOption  = regexp.MustCompile(`^--[a-z][a-z0-9-]*=\S+$`)
	cloudCfgName = regexp.MustCompile(`^(.+)-cloud\.cfg$`)
)

// ParseBoots reads nova boot commands as the guide prints them, wrapped over several lines; a blank line ends one. An option that
// is not known is kept where it has the form --NAME=VALUE, and is an error otherwise. What a shell would work out is an error.
func ParseBoots(r io.Reader) ([]Boot, error) {
	src, err := readSource(r, "nova boot")
	if err != nil {
		return nil, err
	}
	var boots []Boot
	text, start := "", 0
	flush := func() {
		if text == "" {
			return
		}
		if boot, err := newBoot(text); err != nil {
			src.failf(start, 1, "", "%w", err)
		} else {
			boot.Line = start
			boots = append(boots, boot)
		}
		text = ""
	}
	for _, l := range src.lines {
		line := strings.TrimSpace(stripEscapes(l.text))
		switch {
		case bootStart.MatchString(line):
			flush()
			text, start = strings.TrimSuffix(bootStart.ReplaceAllString(line, ""), "\\")+" ", l.no
		case line == "" || isFence(line) || isPrompt(line):
			flush()
		case text == "":
			src.failf(l.no, 1, line, "not a nova boot command, nor a part of one")
		default:
			text += strings.TrimSuffix(line, "\\") + " "
		}
	}
	flush()
	if len(boots) == 0 && len(src.errs) == 0 {
		src.failf(src.end(), 0, "", "no nova boot command")
	}
	if err := src.err(); err != nil {
		return nil, err
	}
	return boots, nil
}

func newBoot(text string) (Boot, error) {
	var words []string
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		word := bootWord.FindString(text)
		if word == "" {
			return Boot{}, errors.New("the command holds what a shell works out, or a quote that is not closed")
		}
		words, text = append(words, strings.NewReplacer(`"`, "", `'`, "").Replace(word)), text[len(word):]
	}
	var b Boot
	drive := ""
	once := map[string]*string{
		"--config-drive": &drive, "--user-data": &b.UserData, "--image": &b.Image, "--flavor": &b.Flavor, "--availability-zone": &b.Zone,
	}
	for len(words) > 0 {
		name, value, inline := strings.Cut(words[0], "=")
		into := once[name]
		many := name == "--nic" || name == "--block-device-mapping"
		switch word := words[0]; {
		case !strings.HasPrefix(word, "-"):
			if b.Name != "" {
				return b, fmt.Errorf("two names: %.40q and %.40q", b.Name, word)
			}
			b.Name, words = word, words[1:]
			continue
		case into == nil && !many:
			if !otherOption.MatchString(word) {
				return b, fmt.Errorf("option %.40q is not known", name)
			}
			b.Other, words = append(b.Other, word), words[1:]
			continue
		case !inline && len(words) < 2:
			return b, fmt.Errorf("option %s has no value", name)
		case !inline:
			value, words = words[1], words[1:]
		}
		words = words[1:]
		switch {
		case into != nil && *into != "":
			return b, fmt.Errorf("option %s given twice", name)
		case into != nil:
			*into = value
		default:
			if err := b.attach(name, value); err != nil {
				return b, err
			}
		}
	}
	if !strings.EqualFold(drive, "true") {
		return b, errors.New("--config-drive is not true: the VM would not find its user data")
	}
	return b, nil
}

// attach reads a network or a disk.
func (b *Boot) attach(option, value string) error {
	if option == "--block-device-mapping" {
		m := bootMapping.FindStringSubmatch(value)
		if m == nil || m[3] != "" || m[4] != "" {
			return fmt.Errorf("%s must be DEVICE=ID:::0", option)
		}
		b.Volumes = append(b.Volumes, Volume{m[1], m[2], m[5] != "0"})
		return nil
	}
	var nic NIC
	for _, pair := range strings.Split(value, ",") {
		key, value, _ := strings.Cut(pair, "=")
		var err error
		switch {
		case key == "net-id" && nic.NetID == "":
			nic.NetID = value
		case (key == "v4-fixed-ip" || key == "v6-fixed-ip") && !nic.FixedIP.IsValid():
			if nic.FixedIP, err = netip.ParseAddr(value); err != nil || nic.FixedIP.Zone() != "" || nic.FixedIP.Is4() != (key == "v4-fixed-ip") {
				return fmt.Errorf("%s of %s is not such an address", key, option)
			}
		default:
			return fmt.Errorf("%s must be net-id=UUID,v4-fixed-ip=ADDRESS", option)
		}
	}
	b.NICs = append(b.NICs, nic)
	return nil
}

// Check says why a VM must not be made of this: a field that is missing or that a shell or nova could read otherwise, an id that is
// no UUID (as one in the guide: cps:791), user data of another VM, a volume that would be deleted with the VM.
func (b Boot) Check() error {
	var errs []error
	fail := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %w", b.Name, fmt.Errorf(format, args...)))
	}
	if !aliasForm.MatchString(b.Name) {
		fail("%.40q is not the alias of a VM", b.Name)
	}
	for _, field := range []struct{ name, value string }{
		{"user data", b.UserData}, {"image", b.Image}, {"flavor", b.Flavor}, {"availability zone", b.Zone},
	} {
		if !bootPlain.MatchString(field.value) {
			fail("the %s is missing, or is not a plain name", field.name)
		}
	}
	if m := cloudCfgName.FindStringSubmatch(path.Base(b.UserData)); b.UserData != "" && (m == nil || m[1] != b.Name) {
		fail("the user data is %.80q and not %s", b.UserData, b.Name+"-cloud.cfg")
	}
	if len(b.NICs) == 0 {
		fail("no network is given")
	}
	seen := map[netip.Addr]bool{}
	for _, nic := range b.NICs {
		if err := CheckUUID(nic.NetID); err != nil {
			fail("net-id %w", err)
		}
		if nic.FixedIP.IsValid() && seen[nic.FixedIP] {
			fail("address %s given twice", nic.FixedIP)
		}
		seen[nic.FixedIP] = true
	}
	for _, v := range b.Volumes {
		if err := CheckUUID(v.ID); err != nil {
			fail("volume %w", err)
		}
		if v.DeleteWithVM || !strings.HasPrefix(v.Device, "/dev/") {
			fail("volume %s on %s would be deleted with the VM, or has no device", v.ID, v.Device)
		}
	}
	for _, option := range b.Other {
		if !otherOption.MatchString(option) || srcerr.MayHoldSecret(option) {
			fail("an option that is not known is not --NAME=VALUE, or may hold a secret")
		}
	}
	return errors.Join(errs...)
}

// Command is the nova boot command, with its arguments in the guide's order. It is an error where Check is.
func (b Boot) Command() (sshexec.Cmd, error) {
	if err := b.Check(); err != nil {
		return sshexec.Cmd{}, err
	}
	argv := []string{"nova", "boot", "--config-drive", "true", "--user-data=" + b.UserData, "--image", b.Image, "--flavor", b.Flavor}
	for _, nic := range b.NICs {
		value := "net-id=" + nic.NetID
		if nic.FixedIP.IsValid() {
			value += fmt.Sprintf(",v%d-fixed-ip=%s", map[bool]int{true: 4, false: 6}[nic.FixedIP.Is4()], nic.FixedIP)
		}
		argv = append(argv, "--nic", value)
	}
	for _, v := range b.Volumes {
		argv = append(argv, "--block-device-mapping", v.Device+"="+v.ID+":::0")
	}
	argv = append(argv, b.Other...)
	return sshexec.Command(sshexec.Mutating, append(argv, b.Name, "--availability-zone", b.Zone)...), nil
}

// ReviewBoots compares the commands with Hosts.csv: each makes a VM of it that no other one makes, with the addresses of that VM.
func ReviewBoots(h *Hosts, boots []Boot) []Finding {
	f := findings{file: h.File}
	made := map[string]bool{}
	for _, b := range boots {
		host, ok := h.ByAlias(b.Name)
		switch {
		case !ok:
			f.add(Error, 0, "CPS-071", "%s is booted and is no VM of it", b.Name)
			continue
		case made[b.Name]:
			f.add(Error, host.Line, "CPS-071", "%s is booted twice", b.Name)
		}
		made[b.Name] = true
		var given []netip.Addr
		for _, nic := range b.NICs {
			given = append(given, nic.FixedIP)
			if !nic.FixedIP.IsValid() {
				f.add(Warning, host.Line, "CPS-071", "%s is booted with a network that chooses the address", b.Name)
			} else if !hasAddress(host, nic.FixedIP) {
				f.add(Error, host.Line, "CPS-071", "%s is booted with %s, which is no address of it", b.Name, nic.FixedIP)
			}
		}
		for _, network := range h.Networks {
			if addr, ok := host.Addresses[network]; ok && !slices.Contains(given, addr) {
				f.add(Error, host.Line, "CPS-071", "%s is booted without its %s address %s", b.Name, network, addr)
			}
		}
	}
	return f.list
}

func hasAddress(host Host, addr netip.Addr) bool {
	for _, own := range host.Addresses {
		if own == addr {
			return true
		}
	}
	return false
}
