package standin

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	postgresProgram = "/usr/bin/postgres"
	postgresPort    = ":5432"
	defaultData     = "/var/lib/pgsql/data"

	// PostgresMajor is what PG_VERSION says in a data directory of the server.
	PostgresMajor   = "15"
	postgresVersion = PostgresMajor + ".12"
)

// runPgsql is ocf:heartbeat:pgsql, in the way that it has no replication: a server of the directory pgdata.
func runPgsql(c *call) int {
	if len(c.args) != 1 {
		return c.fail(ocfArgs, "usage: pgsql {start|stop|status|monitor|meta-data|validate-all}")
	}
	data := c.getenv("OCF_RESKEY_pgdata")
	if data == "" {
		data = defaultData
	}
	switch c.args[0] {
	case "meta-data":
		c.printf("%s", pgsqlMetadata)
		return ocfSuccess
	case "validate-all", "usage", "methods":
		return ocfSuccess
	case "monitor", "status":
		if c.postgres(data) == 0 {
			return ocfNotRunning
		}
		return ocfSuccess
	case "start", "stop":
		if err := c.pgCtl(c.args[0], data); err != nil {
			return c.fail(ocfGeneric, "pgsql: %v", err)
		}
		return ocfSuccess
	}
	return c.fail(ocfUnimplemented, "pgsql: %s is not implemented", c.args[0])
}

// runPgCtl is `pg_ctl start|stop|status -D DIR` and `pg_ctl --version`.
func runPgCtl(c *call) int {
	if len(c.args) == 1 && c.args[0] == "--version" {
		c.printf("pg_ctl (PostgreSQL) %s\n", postgresVersion)
		return 0
	}
	if len(c.args) != 3 || c.args[1] != "-D" {
		return c.fail(1, "pg_ctl: the stand-in has start, stop and status with -D DIR only")
	}
	if c.args[0] == "status" {
		if pid := c.postgres(c.args[2]); pid != 0 {
			c.printf("pg_ctl: server is running (PID: %d)\n", pid)
			return 0
		}
		c.printf("pg_ctl: no server running\n")
		return 3
	}
	if err := c.pgCtl(c.args[0], c.args[2]); err != nil {
		return c.fail(1, "pg_ctl: %v", err)
	}
	return 0
}

// pidFile is where a server writes its number; one that lost its power leaves it on the disk, whoever mounts that next.
func pidFile(data string) string { return path.Join(data, "postmaster.pid") }

// postgres is the number of the server of a directory on this node; 0 where there is none.
func (c *call) postgres(data string) int {
	pid, err := strconv.Atoi(strings.TrimSpace(c.read(pidFile(data))))
	if err != nil || c.read(fmt.Sprintf("/proc/%d/cmdline", pid)) != strings.Join([]string{postgresProgram, "-D", data, ""}, "\x00") {
		return 0
	}
	return pid
}

func (c *call) pgCtl(verb, data string) error {
	pid := c.postgres(data)
	switch {
	case verb == "start" && pid == 0:
		if !c.exists(data) {
			return fmt.Errorf("directory %q does not exist", data)
		}
		// A session of its own, so that it outlives who started it.
		line := "setsid " + postgresProgram + ` -D "$1" </dev/null >/dev/null 2>&1 &`
		if exit := c.exec(strings.NewReader(""), c.stdout, c.stderr, "/bin/sh", "-c", line, "sh", data); exit != 0 {
			return fmt.Errorf("cannot start %s: exit status %d", postgresProgram, exit)
		}
		return c.awaitPostgres(data, true)
	case verb == "stop" && pid != 0:
		if err := c.signal(pid, syscall.SIGTERM); err != nil {
			return err
		}
		return c.awaitPostgres(data, false)
	case verb != "start" && verb != "stop":
		return fmt.Errorf("unrecognized operation mode %q", verb)
	}
	return nil
}

func (c *call) awaitPostgres(data string, runs bool) error {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if (c.postgres(data) != 0) == runs {
			return nil
		}
	}
	return fmt.Errorf("the server of %s did not come to it (running %v)", data, runs)
}

// runPostgres is the server `postgres -D DIR`: it says that it is ready to whoever connects, and keeps its directory busy.
func runPostgres(c *call) int {
	if len(c.args) != 2 || c.args[0] != "-D" {
		return c.fail(1, "postgres: the stand-in has -D DIR only")
	}
	data := c.args[1]
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", postgresPort)
	if err == nil {
		err = os.Chdir(c.path(data))
	}
	if err == nil {
		err = c.write(pidFile(data), fmt.Sprintln(os.Getpid()))
	}
	if err != nil {
		return c.fail(1, "postgres: %v", err)
	}
	context.AfterFunc(ctx, func() { _ = ln.Close() })
	for {
		conn, err := ln.Accept()
		if err != nil {
			_ = os.Remove(c.path(pidFile(data)))
			return 0
		}
		_, _ = fmt.Fprintln(conn, "ready")
		_ = conn.Close()
	}
}

var pgsqlMetadata = metadata("pgsql", "the resource agent of a PostgreSQL server", []string{"pgdata=" + defaultData},
	"start 120", "stop 120", "monitor 30 30", "validate-all 5", "meta-data 5")
