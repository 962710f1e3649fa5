package cps

import (
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/printable"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// About is what about.sh prints on the Cluster Manager or on the arbiter (cps:500-512,963-987,1642-1651).
type About struct {
	File        string      // the name errors and findings give
	Environment string      // "CPS Multi-Node Environment" or "CPS Arbiter"; empty in an excerpt
	Installer   *Release    // CPS Installer Version; nil in an excerpt
	Components  []Component // CPS Core Versions, in their order; none on an arbiter
	// every line that speaks of a patch, or stands under such a heading, as printed: the guide does not show their form
	// (cps:2253)
	PatchLines []string
	Other      []string // other lines outside the list of components: those that are not understood
	patchAt    []int    // the numbers of PatchLines
	otherAt    []int    // and of Other
}

// Component is one line of the core versions: "lb01: qns-2 (diameter_endpoint): 19.4.0.release".
type Component struct {
	VM      string
	Process string // qns-1, qns-2, ...
	Name    string // iomanager, diameter_endpoint, pcrf, controlcenter, pb
	Release Release
	Line    int
}

var (
	componentForm   = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)\s*:\s*(qns-\d+)\s*\(\s*([^)\s]+)\s*\)\s*:\s*(\S+)$`)
	installerForm   = regexp.MustCompile(`^CPS Installer Version\s*-\s*(\S+)$`)
	environmentForm = regexp.MustCompile(`^CPS (?:[A-Z][A-Za-z-]* )*(?:Environment|Arbiter)$`)
	copyrightForm   = regexp.MustCompile(`^Cisco Policy Suite - Copyright .*All rights reserved\.$`)
)

// ParseAbout reads the output of about.sh, or an excerpt with at least the installer version or the list of components. A line in the
// list that is no component, and a release that is none, are errors.
func ParseAbout(r io.Reader) (*About, error) {
	src, err := readSource(r, "about.sh")
	if err != nil {
		return nil, err
	}
	a := &About{File: src.name}
	inList, inPatches, listLine := false, false, 0
	for _, l := range src.clean() {
		text := strings.TrimSpace(l.text)
		switch {
		case text == "" || isRule(text) || text == "about.sh" || copyrightForm.MatchString(text):
		case text == "CPS Core Versions":
			inList, inPatches, listLine = true, false, l.no
		case strings.HasPrefix(text, "CPS Installer Version"):
			a.readInstaller(src, l, text)
		case inPatches, strings.Contains(strings.ToLower(text), "patch"):
			inPatches = inPatches || patchHeading.MatchString(text)
			a.PatchLines, a.patchAt = append(a.PatchLines, text), append(a.patchAt, l.no)
		case environmentForm.MatchString(text) && (a.Environment == "" || a.Environment == text):
			a.Environment, inList = text, false
		case inList:
			a.readComponent(src, l, text)
		case componentForm.MatchString(text):
			src.failf(l.no, 1, text, "a component before the line CPS Core Versions")
		default:
			a.Other, a.otherAt = append(a.Other, text), append(a.otherAt, l.no)
		}
	}
	switch {
	case len(src.errs) > 0:
	case listLine != 0 && len(a.Components) == 0:
		src.failf(listLine, 1, "CPS Core Versions", "no component is listed")
	case a.Installer == nil && len(a.Components) == 0:
		src.failf(src.end(), 0, "", "not an output of about.sh: neither an installer version nor core versions")
	}
	if err := src.err(); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *About) readInstaller(src *source, l sourceLine, text string) {
	m := installerForm.FindStringSubmatch(text)
	if m == nil {
		src.failf(l.no, 1, text, "expected CPS Installer Version - RELEASE")
		return
	}
	release, err := ParseRelease(m[1])
	if err != nil {
		src.failAt(l, m[1], "%w", err)
		return
	}
	a.Installer = &release
}

func (a *About) readComponent(src *source, l sourceLine, text string) {
	m := componentForm.FindStringSubmatch(text)
	if m == nil {
		src.failf(l.no, 1, text, "expected VM: qns-N (component): RELEASE")
		return
	}
	release, err := ParseRelease(m[4])
	if err != nil {
		src.failAt(l, m[4], "%w", err)
		return
	}
	if slices.ContainsFunc(a.Components, func(c Component) bool { return c.VM == m[1] && c.Process == m[2] }) {
		src.failf(l.no, 1, text, "%s of %s is listed twice", m[2], m[1])
		return
	}
	a.Components = append(a.Components, Component{VM: m[1], Process: m[2], Name: m[3], Release: release, Line: l.no})
}

// Arbiter tells the output of an arbiter, which lists no components.
func (a *About) Arbiter() bool { return a.Environment == "CPS Arbiter" }

// Releases lists the releases that run, oldest first.
func (a *About) Releases() []Release {
	var releases []Release
	for _, c := range a.Components {
		if !slices.ContainsFunc(releases, c.Release.Equal) {
			releases = append(releases, c.Release)
		}
	}
	slices.SortFunc(releases, Release.Compare)
	return releases
}

// Mixed tells a cluster that runs more than one release.
func (a *About) Mixed() bool { return len(a.Releases()) > 1 }

// VMs lists the VMs that have components, in the order of the output. Session managers have none.
func (a *About) VMs() []string {
	var vms []string
	seen := map[string]bool{}
	for _, c := range a.Components {
		if !seen[c.VM] {
			seen[c.VM] = true
			vms = append(vms, c.VM)
		}
	}
	return vms
}

var (
	patchHeading = regexp.MustCompile(`(?i)^(?:CPS )?(?:List of )?(?:(?:Currently )?(?:Applied|Installed) )?Patch(?:es)?` +
		`(?: (?:History|Applied|Installed))*:?$`)
	noPatches = regexp.MustCompile(`(?i)^(?:There (?:is|are) )?No patch(?:es)?(?: (?:is|are|has been|have been))?` +
		`(?: currently)?(?: applied| installed)\.?$|^None\.?$`)
)

// CheckPatches reports patches: a release with a patch level, every line below such a heading that does not say that
// there is none, and the lines that are not understood.
func (a *About) CheckPatches() []Finding {
	f := findings{file: a.File}
	f.patches(a.PatchLines, a.patchAt)
	if n := len(a.Other); n > 0 {
		f.add(Error, a.otherAt[0], "CPS-158", "%s not understood, and may tell of a patch; the first: %s", printable.Count(n, "line"),
			srcerr.Shown(a.Other[0]))
	}
	if a.Installer != nil {
		f.patched(*a.Installer, 0)
	}
	for _, c := range a.Components {
		f.patched(c.Release, c.Line)
	}
	return f.list
}

// patches reports what a list of patches says: every line that is no heading and does not say that there is none.
func (f *findings) patches(lines []string, at []int) {
	for i, line := range lines {
		switch {
		case patchHeading.MatchString(line) && i == len(lines)-1:
			f.add(Error, at[i], "CPS-158", "nothing stands below %q: the output may be cut off, and a patch is not seen", line)
		case patchHeading.MatchString(line) || noPatches.MatchString(line):
		case patchName.MatchString(line) || strings.Contains(line, "applied on"):
			f.add(Error, at[i], "CPS-158", "a patch is installed: ask Cisco before you remove it (cps:262-266): %s", line)
		default:
			f.add(Error, at[i], "CPS-158", "what it says of patches is not understood, so that one may be installed: %s",
				srcerr.Shown(line))
		}
	}
}

// patched reports a release that is not a plain one, once.
func (f *findings) patched(r Release, line int) {
	said := func(o Finding) bool { return strings.Contains(o.What, ": "+r.String()+" ") }
	switch {
	case slices.ContainsFunc(f.list, said):
	case r.Patched():
		f.add(Error, line, "CPS-158", "a patch is installed: ask Cisco before you remove it (cps:262-266): %s runs", r)
	case r.Suffix != "" && r.Suffix != "release":
		f.add(Error, line, "CPS-158", "a patch may be installed: %s is no plain release", r)
	}
}

var patchName = regexp.MustCompile(`(?i)\b(?:Patch_[\w.]*\w|CPS\d+_\d+|[\w.-]*patch[\w.-]*\.(?:tar\.gz|tar|tgz|iso)\b)`)

// Patches lists the names of patches in the output, such as Patch_1_11.9.9. None does not prove that none is applied: look at
// PatchLines and at the patch level of the releases too.
func (a *About) Patches() []string { return patchNames(a.PatchLines) }

func patchNames(lines []string) []string {
	var names []string
	for _, line := range lines {
		for _, name := range patchName.FindAllString(line, -1) {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// CheckHalves checks that the VMs of the upgraded sets run the new release and all others the old one (cps:515,961-987). A VM of a set
// that should have components (class lb, qns or pcrfclient) and has none is reported too.
func (a *About) CheckHalves(upgraded ClusterSet, before, after Release) []Finding {
	f := findings{file: a.File}
	if len(a.Components) == 0 {
		f.add(Error, 0, "CPS-231", "no component is listed: nobody can say what runs")
	}
	in, listed := members(upgraded), members(a.VMs())
	for _, c := range a.Components {
		want := before
		if in[c.VM] {
			want = after
		}
		if !c.Release.Equal(want) {
			f.add(Error, c.Line, "CPS-231", "%s of %s (%s) runs %s, not %s", c.Process, c.VM, c.Name, c.Release, want)
		}
	}
	for _, alias := range upgraded {
		vm, ok := splitAlias(alias)
		if ok && vm.class != "sessionmgr" && !listed[alias] {
			f.add(Error, 0, "CPS-231", "%s is not listed: none of its processes answers", alias)
		}
	}
	return f.list
}
