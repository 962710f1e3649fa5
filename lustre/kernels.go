package lustre

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// KernelPackages are the packages that must be of one build: the kernel, what modules are built with, and its tools.
func KernelPackages() []string { return kernelPackages("") }

// Build is an installed package: its name, and version and release as rpm prints them.
type Build struct{ Name, Version string }

// ParseBuilds reads what "rpm -q --qf '%{NAME} %{VERSION}-%{RELEASE}\n'" prints. A package that is not installed is an
// error.
func ParseBuilds(r io.Reader) ([]Build, error) {
	var list []Build
	err := eachLine(r, func(line string) error {
		f := strings.Fields(line)
		if len(f) != 2 || !strings.Contains(f[1], "-") {
			return errors.New("not NAME VERSION-RELEASE of an installed package")
		}
		list = append(list, Build{f[0], f[1]})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// CheckKernel makes sure that what belongs to the kernel is of one build, and says which: kernel-tools of a higher
// revision stay where they are when yum installs a lower one (lustre:598, 745), and modules are then built against
// another kernel than the one that runs. Several kernels may be installed beside each other. pinned is the version that
// was asked for; any when empty.
func CheckKernel(list []Build, pinned string) (string, error) {
	have := map[string][]string{}
	for _, b := range list {
		have[b.Name] = append(have[b.Name], b.Version)
	}
	var errs []error
	version := ""
	if devel := have["kernel-devel"]; len(devel) > 0 {
		version = devel[len(devel)-1]
		if i := slices.Index(devel, pinned); i >= 0 {
			version = pinned
		}
	}
	for _, name := range kernelPackages("") {
		switch all := have[name]; {
		case len(all) == 0:
			errs = append(errs, fmt.Errorf("%s is not installed", name))
		case !slices.Contains(all, version):
			errs = append(errs, fmt.Errorf("%s is %s, and kernel-devel is %s", name, strings.Join(all, " and "), version))
		}
	}
	if pinned != "" && version != pinned && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("the kernel is %s, and %s was asked for", version, pinned))
	}
	return version, errors.Join(errs...)
}
