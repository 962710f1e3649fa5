//go:build integration

package pairlab_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab"
)

// page is what the web site of a pair shows to the world outside.
func page(lab *pairlab.Lab) string {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + lab.ServiceAddress(0) + "/index.html") //nolint:noctx // it has a time-out
	if err != nil {
		return err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// database is what its port says.
func database(lab *pairlab.Lab) string {
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(lab.ServiceAddress(1), "5432"), time.Second) //nolint:noctx // as above
	if err != nil {
		return err.Error()
	}
	defer func() { _ = conn.Close() }()
	text, _ := io.ReadAll(conn)
	return string(text)
}

// TestAPairWithServices is a pair that serves a web site and a database: who uses them outside is served, whoever has them; the
// storage knows who that is, and notices a disk that is mounted twice.
func TestAPairWithServices(t *testing.T) {
	t.Parallel()
	lab := start(t, pairlab.Options{Targets: pairlab.ServicesDisks(), Services: true})
	one, two := lab.Nodes()[0], lab.Nodes()[1]
	began := time.Now()
	within(t, 3*time.Minute, func(ctx context.Context) error { return pairlab.BuildServices(ctx, lab) })
	t.Logf("the cluster is up in %s", time.Since(began).Round(time.Millisecond))
	require.Equal(t, pairlab.ServicesPage, page(lab))
	require.Equal(t, "ready\n", database(lab))
	require.Contains(t, typedOK(t, one, "ps", "-e", "-o", "args="), "busybox httpd")
	require.Contains(t, typedOK(t, two, "ps", "-e", "-o", "args="), "\n/usr/bin/postgres -D "+pairlab.ServicesData+"\n")
	require.Equal(t, "0.10.18\n", typedOK(t, one, "pcs", "--version"))
	require.Contains(t, typedOK(t, one, "cat", "/proc/self/mountinfo"), " /srv/web ")

	typedOK(t, one, "pcs", "node", "standby", one.Name(), "--wait=60")
	truth := noAccident(t, lab)
	for _, d := range pairlab.ServicesDisks() {
		require.Equal(t, []string{two.Name()}, truth.Serving(d.UUID))
	}
	require.Equal(t, pairlab.ServicesPage, page(lab))

	// Node 2 loses its cluster: it is fenced, and node 1 has everything.
	typedOK(t, one, "pcs", "node", "unstandby", one.Name())
	require.NoError(t, two.Kill("corosync"))
	eventually(t, "node 1 has everything", func() bool {
		return page(lab) == pairlab.ServicesPage && database(lab) == "ready\n" && len(noAccident(t, lab).Fencings) == 1
	})
	typedOK(t, one, "crm_mon", "-1")

	// By hand, a disk is mounted on both.
	eventually(t, "node 2 is back", func() bool { // it is on before its first process answers
		_, _, _, err := two.Exec(t.Context(), nil, "true")
		return err == nil
	})
	typedOK(t, two, "mount", "-t", "ext4", "/dev/shared/web", "/srv/web")
	truth, err := lab.Truth()
	require.NoError(t, err)
	require.Len(t, truth.DoubleMounts, 1)
	typedOK(t, two, "umount", "/srv/web")
	require.NotContains(t, typedOK(t, two, "cat", "/proc/mounts", "/proc/self/mountinfo"), " /srv/web ")
}
