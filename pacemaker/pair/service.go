package pair

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// address is ocf:heartbeat:IPaddr2.
func address(r pacemaker.Resource) (Traits, error) {
	text, err := parameter(r, "ip")
	if err != nil {
		return Traits{}, err
	}
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return Traits{}, err
	}
	if optional(r, "clusterip_hash", "") != "" {
		return Traits{}, errors.New("both nodes have its address at once (clusterip_hash)")
	}
	return Traits{Serves: text, Gone: []Look{Address(ip)}, Needs: []Look{link(ip, optional(r, "nic", ""))}}, nil
}

// faces reads `ip -o addr show`: the addresses of a host, each with its interface. The loopback address is always among them.
func faces(res sshexec.Result) (map[netip.Prefix]string, error) {
	if res.ExitCode != 0 {
		return nil, unknown(res)
	}
	loopback, list := false, map[netip.Prefix]string{}
	for line := range strings.Lines(string(res.Stdout)) { // such as "2: eth0    inet 10.0.0.10/24 brd …"
		f := strings.Fields(line)
		if len(f) < 4 || !strings.HasSuffix(f[0], ":") {
			return nil, fmt.Errorf("%q is no line of ip -o addr show: %w", strings.TrimSpace(line), ErrNotProven)
		}
		if f[2] != "inet" && f[2] != "inet6" {
			continue
		}
		text := f[3]
		if !strings.Contains(text, "/") && len(f) > 5 && f[4] == "peer" { // 10.0.0.10 peer 10.0.0.11/32
			_, peer, _ := strings.Cut(f[5], "/")
			text += "/" + peer
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", err, ErrNotProven)
		}
		loopback = loopback || p.Addr().IsLoopback()
		list[p] = f[1]
	}
	if !loopback {
		return nil, fmt.Errorf("the list of addresses is not whole: not even the loopback address stands in it: %w", ErrNotProven)
	}
	return list, nil
}

var showAddresses = []string{"ip", "-o", "addr", "show"}

// Address is Present where a host has an address.
func Address(ip netip.Addr) Look {
	return Look{Argv: showAddresses, Text: ip.String() + " is an address of the host", Read: func(res sshexec.Result) (Found, string,
		error) {
		list, err := faces(res)
		if err != nil {
			return 0, "", err
		}
		for p, face := range list {
			if p.Addr() == ip {
				return Present, fmt.Sprintf("%s has %s", face, ip), nil
			}
		}
		return Absent, "", nil
	}}
}

// link is Present where a host has the interface for an address: the one that is named, or one in whose network it lies.
func link(ip netip.Addr, nic string) Look {
	text := "an interface is in the network of " + ip.String()
	if nic != "" {
		text = "there is the interface " + nic
	}
	return Look{Argv: showAddresses, Text: text, Read: func(res sshexec.Result) (Found, string, error) {
		list, err := faces(res)
		if err != nil {
			return 0, "", err
		}
		for p, face := range list {
			if nic != "" && face == nic || nic == "" && !p.Addr().IsLoopback() && p.Masked().Contains(ip) {
				return Present, face + " is there", nil
			}
		}
		return Absent, "no such interface", nil
	}}
}

// nfsserver is ocf:heartbeat:nfsserver: the threads of the kernel serve.
func nfsserver(pacemaker.Resource) (Traits, error) {
	return Traits{Serves: "NFS", Gone: []Look{Process("the NFS server runs", func(args []string) bool { return args[0] == "[nfsd]" })},
		Needs: []Look{Path("/usr/sbin/exportfs")}}, nil
}

// exportfs is ocf:heartbeat:exportfs.
func exportfs(r pacemaker.Resource) (Traits, error) {
	dir, err := parameter(r, "directory")
	if err != nil {
		return Traits{}, err
	}
	dirs := strings.Fields(dir) // as the agent takes them
	for i, d := range dirs {
		if err := absolute(d); err != nil {
			return Traits{}, err
		}
		dirs[i] = path.Clean(d)
	}
	dir = strings.Join(dirs, " ")
	return Traits{Serves: "export " + dir, Gone: []Look{exported(dirs...)}, Needs: []Look{Path("/usr/sbin/exportfs")}}, nil
}

// etab is the table of what is exported; grep counts its lines, and so always prints a number where there is a table.
const etab = "/var/lib/nfs/etab"

func exported(dirs ...string) Look {
	dir := strings.Join(dirs, " or ")
	var quoted []string
	for _, d := range dirs {
		quoted = append(quoted, regexp.QuoteMeta(d))
	}
	pattern := "^(" + strings.Join(quoted, "|") + ")[[:space:]]"
	return Look{Argv: []string{"grep", "-cE", pattern, etab}, Text: dir + " is exported", Read: func(res sshexec.Result) (Found,
		string, error) {
		count := res.Text()
		switch {
		case res.ExitCode == 1 && count == "0":
			return Absent, "", nil
		case res.ExitCode == 0 && count != "" && count != "0" && strings.Trim(count, "0123456789") == "":
			return Present, dir + " is exported", nil
		case res.ExitCode == 2 && count == "" && strings.HasSuffix(strings.TrimSpace(string(res.Stderr)), etab+": No such file or directory"):
			return Absent, "nothing was ever exported", nil
		}
		return 0, "", unknown(res)
	}}
}

// postgres is ocf:heartbeat:pgsql and PAF's ocf:heartbeat:pgsqlms.
func postgres(r pacemaker.Resource) (Traits, error) {
	data := optional(r, "pgdata", "/var/lib/pgsql/data")
	if err := absolute(data); err != nil {
		return Traits{}, err
	}
	control := optional(r, "pgctl", "/usr/bin/pg_ctl")
	return Traits{Serves: "PostgreSQL in " + data, Gone: []Look{serverOf(path.Clean(data))}, Needs: []Look{Path(control)},
		Fits: []Fit{{Text: "PostgreSQL is of the major version of the data in " + data, Data: []string{"cat", path.Join(data, "PG_VERSION")},
			Has: []string{control, "--version"}, Check: func(is, has string) error { return sameMajor(data, is, has) }}}}, nil
}

// serverOf is Present while a server of a data directory runs, or a process of it. Those of a server whose first process was killed are
// left behind, and may write: they are Perhaps of any directory.
func serverOf(data string) Look {
	text := "a server of " + data + " runs"
	return Look{Argv: ProcessTree(), Text: text, Read: func(res sshexec.Result) (Found, string, error) {
		list, err := readTree(res)
		if err != nil {
			return 0, "", err
		}
		first := map[string]bool{} // the processes that name a directory
		for _, p := range list {
			dir, is := postgresOf(p.words)
			if is && dir == data {
				return Present, fmt.Sprintf("process %s, %q, runs: %s", p.pid, p.words[0], text), nil
			}
			first[p.pid] = is && dir != ""
		}
		for _, p := range list {
			if dir, is := postgresOf(p.words); is && dir == "" && !first[p.parent] {
				return Perhaps, fmt.Sprintf("process %s, %q, runs, and of which server it is cannot be told", p.pid, p.words[0]), nil
			}
		}
		return Absent, "", nil
	}}
}

// postgresOf tells a process of a PostgreSQL server, and its data directory where it names that.
func postgresOf(args []string) (dir string, is bool) {
	program := path.Base(strings.TrimSuffix(args[0], ":"))
	if program != "postgres" && program != "postmaster" {
		return "", false
	}
	for i, a := range args {
		switch {
		case a == "-D" && i+1 < len(args):
			return path.Clean(args[i+1]), true
		case strings.HasPrefix(a, "-D"):
			return path.Clean(a[2:]), true
		}
	}
	return "", true
}

// systemd is a unit of systemd. Pacemaker alone may start it: one that starts at boot would run on both nodes.
func systemd(r pacemaker.Resource) (Traits, error) {
	if r.Type == "" || strings.HasPrefix(r.Type, "-") {
		return Traits{}, fmt.Errorf("%q is no unit of systemd", r.Type)
	}
	return Traits{Serves: r.Type, Gone: []Look{UnitActive(r.Type)}, Needs: []Look{unitThere(r.Type)}}, nil
}

// UnitActive is Present where a unit of systemd runs, and Perhaps where it has failed, so that processes of it may be left.
func UnitActive(unit string) Look {
	return Look{Argv: []string{"systemctl", "is-active", unit}, Text: unit + " runs", Read: func(res sshexec.Result) (Found, string, error) {
		switch state := res.Text(); state {
		case "inactive", "unknown":
			if res.ExitCode == 0 {
				return 0, "", unknown(res)
			}
			return Absent, "", nil
		case "active", "activating", "deactivating", "reloading", "failed":
			seen := unit + " is " + state
			if state == "failed" {
				return Perhaps, seen + ": see that no process of it is left, and systemctl reset-failed " + unit, nil
			}
			return Present, seen, nil
		}
		return 0, "", unknown(res)
	}}
}

// unitThere is Present where a unit can be started, and does not start by itself at boot.
func unitThere(unit string) Look {
	return Look{Argv: []string{"systemctl", "is-enabled", unit}, Text: unit + " is there, and does not start at boot",
		Read: func(res sshexec.Result) (Found, string, error) {
			switch state := res.Text(); state {
			case "disabled", "static", "indirect", "linked", "generated", "alias":
				return Present, unit + " is " + state, nil
			case "enabled", "enabled-runtime":
				return Absent, unit + " starts at boot, beside the cluster: systemctl disable " + unit, nil
			case "masked", "masked-runtime":
				return Absent, unit + " is masked: systemctl unmask " + unit, nil
			case "", "not-found":
				if res.ExitCode != 0 {
					return Absent, "there is no unit " + unit, nil
				}
			}
			return 0, "", unknown(res)
		}}
}

// lsb is an init script, or what the cluster finds under a name. Its exit status is the answer, by the LSB, and what systemd knows of it.
func lsb(r pacemaker.Resource) (Traits, error) {
	if r.Type == "" || strings.HasPrefix(r.Type, "-") {
		return Traits{}, fmt.Errorf("%q is no init script", r.Type)
	}
	// By systemd, which asks for it in the place of most scripts, 3 is the status of what stops or has failed, too.
	return Traits{Serves: r.Type, Needs: []Look{unitThere(r.Type)}, Gone: []Look{UnitActive(r.Type), {
		Argv: []string{"service", r.Type, "status"}, Text: r.Type + " runs", Mute: true,
		Read: func(res sshexec.Result) (Found, string, error) {
			switch res.ExitCode {
			case 3:
				return Absent, "", nil
			case 0:
				return Present, r.Type + " runs", nil
			case 1, 2:
				return Perhaps, r.Type + " died, and left its files: processes of it may be left", nil
			}
			return 0, "", unknown(res)
		},
	}}}, nil
}

// Path is Present where there is a file or a directory.
func Path(name string) Look {
	return Look{Argv: []string{"ls", "-d", name}, Text: name + " is there", Read: func(res sshexec.Result) (Found, string, error) {
		switch {
		case res.ExitCode == 0 && res.Text() == name:
			return Present, name + " is there", nil
		case res.ExitCode != 0 && len(res.Stdout) == 0 && strings.Contains(string(res.Stderr), name) &&
			strings.Contains(string(res.Stderr), "No such file or directory"):
			return Absent, "there is no " + name, nil
		}
		return 0, "", unknown(res)
	}}
}

// Module is Present where a module of the kernel is loaded.
func Module(name string) Look {
	return Look{Argv: []string{"cat", "/proc/modules"}, Text: "the module " + name + " is loaded",
		Read: func(res sshexec.Result) (Found, string, error) {
			if res.ExitCode != 0 {
				return 0, "", unknown(res)
			}
			for line := range strings.Lines(string(res.Stdout)) {
				if first, _, _ := strings.Cut(line, " "); first == name {
					return Present, name + " is loaded", nil
				}
			}
			return Absent, name + " is not loaded", nil
		}}
}

// together are units and agents whose copies on the two nodes belong together: a lock manager, a file system of both.
var together = []string{"dlm", "clvmd", "lvmlockd", "o2cb", "ocfs2", "ctdb", "gfs2", "glusterd"}

// spansNodes tells an agent whose copies on the two nodes are one.
func spansNodes(r pacemaker.Resource) bool {
	kind := optional(r, "fstype", "")
	return slices.Contains(together, strings.ToLower(strings.TrimSuffix(r.Type, ".service"))) || r.Agent() == "ocf:pacemaker:controld" ||
		r.Agent() == "ocf:heartbeat:Filesystem" && slices.Contains(clustered, kind)
}
