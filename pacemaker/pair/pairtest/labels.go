package pairtest

import (
	"path"
	"slices"

	"github.com/evenkeel-ha/evenkeel/pacemaker/pair"
	"github.com/evenkeel-ha/evenkeel/sshexec/simhost"
)

// homeLabel is what SELinux gives to what is written below /root; cp -a carries it along.
const homeLabel = "unconfined_u:object_r:admin_home_t:s0"

// labels has programs treat SELinux as those of EL do: what is unpacked below /root is labelled by its place, and sshd does not start with
// files that are labelled so.
func labels(r *simhost.Registry) {
	tar, systemctl, restorecon := r.Program("tar"), r.Program("systemctl"), r.Program("restorecon")
	r.Command("tar", 0, func(c *simhost.Call) int {
		status := tar(c)
		if i := slices.Index(c.Args, "-C"); i > 0 && c.Args[i+1] == "/root" && c.Host.SELinux != "Disabled" {
			for _, tree := range c.Host.Glob("/root/bck-*") {
				each(c.Host, tree, func(name string, f simhost.File) {
					f.Label = homeLabel
					_ = c.Host.Put(c.State, name, f) // it is there
				})
			}
		}
		return status
	})
	r.Command("systemctl", 0, func(c *simhost.Call) int {
		if slices.Equal(c.Args, []string{"restart", "sshd"}) && len(misplaced(c.Host, "/etc/ssh")) > 0 {
			return c.Fail(1, "Job for sshd.service failed because the control process exited with error code.")
		}
		return systemctl(c)
	})
	r.Script(pair.LabelScript, 0, func(c *simhost.Call) int {
		switch c.Args = c.Args[1:]; {
		case c.Host.SELinux == "Disabled":
			return 0
		case c.Args[0] != "-Rnv":
			return restorecon(c)
		}
		for _, tree := range c.Args[1:] {
			for _, name := range misplaced(c.Host, tree) {
				c.Printf("Would relabel %s from %s\n", name, homeLabel)
			}
		}
		return 0
	})
}

// misplaced are the files of a tree that have the label of another place.
func misplaced(h *simhost.Host, tree string) (names []string) {
	each(h, tree, func(name string, f simhost.File) {
		if f.Label == homeLabel {
			names = append(names, name)
		}
	})
	return names
}

// each visits what is in a tree, its root first.
func each(h *simhost.Host, name string, visit func(name string, f simhost.File)) {
	f, err := h.Lstat(name)
	if err != nil {
		return
	}
	visit(name, *f)
	if f.Kind != simhost.Dir {
		return
	}
	names, _ := h.List(name) // it is a directory
	for _, n := range names {
		each(h, path.Join(name, n), visit)
	}
}
