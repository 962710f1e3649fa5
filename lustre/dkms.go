package lustre

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// Module is one line of "dkms status": a kernel module built from source.
type Module struct {
	Name    string
	Version string
	Kernel  string // empty when it was built for none yet
	Arch    string // likewise
	Status  string // "added", "built", "installed"
	Remark  string // what dkms adds in parentheses, such as "original_module exists"
}

// String is the line.
func (m Module) String() string {
	s := m.Name + ", " + m.Version
	if m.Kernel != "" {
		s += ", " + m.Kernel + ", " + m.Arch
	}
	s += ": " + m.Status
	if m.Remark != "" {
		s += " (" + m.Remark + ")"
	}
	return s
}

var (
	dkmsStatus = regexp.MustCompile(`^([a-z][a-z-]*)\s*((?:\([^()]*\)\s*)*)$`)
	dkmsPrompt = regexp.MustCompile(`^(\[[^\]]*\])?[#$]\s*dkms\s+status\s*$`)
)

// ParseDKMS reads what "dkms status" prints: lines "name, version, kernel, arch: status" (lustre:661), also without a
// blank after a comma, and "name/version, kernel, arch: status" as later releases print it. A module that is only added
// has neither kernel nor architecture. The prompt that the guide shows above the lines may be there. No module at all
// is an error.
func ParseDKMS(r io.Reader) ([]Module, error) {
	data, err := srcerr.ReadText(r)
	if err != nil {
		return nil, err
	}
	name := srcerr.NameOf(r)
	var modules []Module
	var errs srcerr.List
	for i, raw := range strings.Split(string(data), "\n") {
		line := strings.TrimSpace(raw)
		if line == "" || dkmsPrompt.MatchString(line) {
			continue
		}
		m, err := parseModule(line)
		if err != nil {
			col := strings.Index(raw, line) + 1
			errs = append(errs, &ParseError{File: name, Line: i + 1, Col: col, Near: line, Err: err})
			continue
		}
		modules = append(modules, m)
	}
	if len(modules) == 0 && len(errs) == 0 {
		errs = append(errs, srcerr.Errorf(name, 1, 1, "", "dkms knows no module"))
	}
	if err := errs.Err(); err != nil {
		return nil, err
	}
	return modules, nil
}

func parseModule(line string) (Module, error) {
	i := strings.LastIndex(line, ": ")
	if i < 0 {
		return Module{}, errors.New(`not a line of dkms: it has no ": status"`)
	}
	head, tail := line[:i], line[i+2:]
	if open := strings.Index(line, " ("); open >= 0 && open < i { // a remark may hold a colon
		if j := strings.LastIndex(line[:open], ": "); j >= 0 {
			head, tail = line[:j], line[j+2:]
		}
	}
	status := dkmsStatus.FindStringSubmatch(strings.TrimSpace(tail))
	if status == nil {
		return Module{}, fmt.Errorf("%q is not a status of dkms", tail)
	}
	fields := strings.Split(head, ",")
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	if module, version, ok := strings.Cut(fields[0], "/"); ok {
		fields = slices.Concat([]string{module, version}, fields[1:])
	}
	if len(fields) != 2 && len(fields) != 4 || slices.Contains(fields, "") {
		return Module{}, errors.New("a line of dkms names a module, its version and, once it is built, kernel and architecture")
	}
	m := Module{
		Name: fields[0], Version: fields[1], Status: status[1],
		Remark: strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(status[2]), "("), ")"),
	}
	if len(fields) == 4 {
		m.Kernel, m.Arch = fields[2], fields[3]
	}
	return m, nil
}

// CheckDKMS makes sure that each of the named modules is installed, for the given kernel where one is given, and that
// no module is in another state (lustre:658). The error names all that are not.
func CheckDKMS(modules []Module, kernel string, names ...string) error {
	if len(modules)+len(names) == 0 {
		return errors.New("dkms knows no kernel module, and none was named")
	}
	var errs []error
	for _, m := range modules {
		if m.Status != "installed" && (kernel == "" || m.Kernel == "" || m.Kernel == kernel) {
			errs = append(errs, fmt.Errorf("kernel module %s is %s, not installed", m.Name, m.Status))
		}
	}
	for _, name := range names {
		fits := func(m Module) bool { return m.Name == name && (kernel == "" || m.Kernel == kernel) }
		switch {
		case slices.ContainsFunc(modules, fits):
		case kernel == "":
			errs = append(errs, fmt.Errorf("dkms does not know the kernel module %s", name))
		default:
			errs = append(errs, fmt.Errorf("the kernel module %s is not built for kernel %s", name, kernel))
		}
	}
	return errors.Join(errs...)
}
