package standin

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// node is a node's root in a directory, with hardware that answers on its socket.
type node struct {
	t      testing.TB
	root   string
	env    map[string]string
	progs  map[string]func(stdin string, args []string) (string, int) // what it has beside the stand-ins
	disks  []wire.Target
	signal []syscall.Signal

	mu      sync.Mutex
	mounted []string
	refuse  string
	asked   []wire.HardwareRequest
}

const (
	mgs = "9aaf3d9d-df51-48d5-9da1-49d57dee12c0"
	ost = "00000000-0000-4000-8000-000000000000"
)

func labConfig() wire.Config {
	return wire.Config{
		Nodes: [2]wire.Node{{Name: "ct6-mds1.lfs.intl", Rings: [2]string{"10.72.0.1", "10.72.1.1"}},
			{Name: "ct6-mds2.lfs.intl", Rings: [2]string{"10.72.0.2", "10.72.1.2"}}},
		Outside: "10.72.0.254",
		Targets: []wire.Target{
			{UUID: mgs, Label: "MGS", Mount: "/mnt/MGS", Device: "/dev/disk/by-id/scsi-mgs", Backfs: "ldiskfs"},
			{UUID: ost, Label: "demo-OST0000", Mount: "/mnt/demo-OST0000", Device: "lustre1/demo-OST0000", Backfs: "zfs"},
		},
	}
}

func newNode(t testing.TB, release wire.Release) *node {
	t.Helper()
	return nodeOf(t, release, labConfig())
}

func nodeOf(t testing.TB, release wire.Release, cfg wire.Config) *node {
	t.Helper()
	n := &node{t: t, root: t.TempDir(), env: map[string]string{}, disks: cfg.Targets}
	n.write("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nhacluster:x:102:104::/var/lib/pacemaker:/usr/sbin/nologin\n")
	n.write("/etc/shadow", "root:*:19000:0:99999:7:::\nhacluster:!:19000::::::\n")
	n.write("/etc/redhat-release",
		map[wire.Release]string{wire.OldRelease: "CentOS release 6.8 (Final)\n",
			wire.NewRelease: "CentOS Linux release 7.3.1611 (Core)\n"}[release])
	n.write("/dev/disk/by-id/scsi-mgs", "")
	n.write("/var/log/lastlog", "")
	require.NoError(t, Furnish(n.root, release, cfg, 0))
	n.boot()
	// A socket's path is short, so it is bound by a name that is relative to the node.
	t.Chdir(n.root)
	ln, err := net.Listen("unix", "run/lab/hw.sock")
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	go n.hardware(ln)
	return n
}

// boot starts the node with an empty /run.
func (n *node) boot() {
	n.write(mountsFile, "overlay / overlay rw 0 0\nproc /proc proc rw 0 0\n")
	n.write(modulesFile, "ext4 1 0 - Live 0x0\n")
	require.NoError(n.t, os.RemoveAll(filepath.Join(n.root, currentRules)))
	require.NoError(n.t, Boot(n.root))
	n.mu.Lock()
	n.mounted = nil
	n.mu.Unlock()
}

func (n *node) hardware(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		line, err := bufio.NewReader(conn).ReadBytes('\n')
		var req wire.HardwareRequest
		if err == nil && json.Unmarshal(line, &req) == nil {
			_ = json.NewEncoder(conn).Encode(n.answer(req))
		}
		_ = conn.Close()
	}
}

func (n *node) answer(req wire.HardwareRequest) wire.HardwareAnswer {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, req)
	if n.refuse == req.Op {
		return wire.HardwareAnswer{Error: "it was made to fail"}
	}
	switch req.Op {
	case "start":
		n.mounted = append(n.mounted, req.Target)
	case "stop":
		n.mounted = slices.DeleteFunc(n.mounted, func(s string) bool { return s == req.Target })
	case "disks":
		return wire.HardwareAnswer{OK: true, Disks: n.disks}
	case "mounted":
		return wire.HardwareAnswer{OK: true, Mounted: slices.Clone(n.mounted)}
	case "power":
		return wire.HardwareAnswer{OK: true, Power: map[bool]string{true: "off", false: "on"}[strings.HasSuffix(req.Node, "2")]}
	}
	return wire.HardwareAnswer{OK: true}
}

// orders are what the hardware was told, but for looking.
func (n *node) orders() []wire.HardwareRequest {
	n.mu.Lock()
	defer n.mu.Unlock()
	looks := func(r wire.HardwareRequest) bool { return r.Op == "mounted" || r.Op == "disks" }
	return slices.DeleteFunc(slices.Clone(n.asked), looks)
}

func (n *node) write(name, text string) {
	n.t.Helper()
	path := filepath.Join(n.root, name)
	require.NoError(n.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(n.t, os.WriteFile(path, []byte(text), 0o644))
}

func (n *node) read(name string) string {
	n.t.Helper()
	data, err := os.ReadFile(filepath.Join(n.root, name))
	require.NoError(n.t, err)
	return string(data)
}

type result struct {
	exit     int
	out, err string
}

// run runs a stand-in as the node would, from a line without quotes.
func (n *node) run(stdin, line string) result {
	n.t.Helper()
	words := strings.Fields(line)
	var out, errs bytes.Buffer
	c := &call{
		root: n.root, args: words[1:], stdin: strings.NewReader(stdin), stdout: &out, stderr: &errs,
		getenv: func(key string) string { return n.env[key] },
		signal: func(pid int, sig syscall.Signal) error {
			require.Equal(n.t, 1, pid)
			n.signal = append(n.signal, sig)
			return nil
		},
		exec: func(in io.Reader, stdout, stderr io.Writer, argv ...string) int {
			prog := n.progs[filepath.Base(argv[0])]
			if prog == nil && argv[0] == umountProgram {
				r := n.run("", "umount "+strings.Join(argv[1:], " "))
				_, _ = io.WriteString(stderr, r.err)
				return r.exit
			}
			if prog == nil {
				_, _ = io.WriteString(stderr, "no program "+argv[0])
				return 127
			}
			text, err := io.ReadAll(in)
			require.NoError(n.t, err)
			printed, exit := prog(string(text), argv[1:])
			_, _ = io.WriteString(stdout, printed)
			return exit
		},
	}
	exit, known := c.main(words[0])
	require.True(n.t, known, words[0])
	return result{exit, out.String(), errs.String()}
}

func (n *node) ok(line string) string {
	n.t.Helper()
	r := n.run("", line)
	require.Zero(n.t, r.exit, "%s: %s%s", line, r.out, r.err)
	return r.out
}

func (n *node) refused(exit int, says, line string) {
	n.t.Helper()
	r := n.run("", line)
	require.Equal(n.t, exit, r.exit, "%s: %s%s", line, r.out, r.err)
	require.Contains(n.t, r.out+r.err, says)
}
