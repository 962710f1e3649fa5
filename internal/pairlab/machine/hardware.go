//go:build linux

package machine

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/wire"
)

// serveHardware answers a node on its own socket: it cannot lie about which one it is.
func (n *node) serveHardware(l *life) {
	for {
		conn, err := l.hw.AcceptUnix()
		if err != nil {
			return
		}
		go n.talk(l, conn)
	}
}

func (n *node) talk(l *life, conn *net.UnixConn) {
	defer func() { _ = conn.Close() }()
	stop := make(chan struct{})
	defer close(stop)
	go func() { // a node without power asks nothing
		select {
		case <-l.ctx.Done():
			_ = conn.Close()
		case <-stop:
		}
	}()
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		var request wire.HardwareRequest
		reply := wire.HardwareAnswer{OK: true}
		err := wire.Unmarshal(lines.Bytes(), &request)
		if err == nil {
			err = n.obey(l, request, &reply)
		}
		if err != nil {
			reply = wire.HardwareAnswer{Error: err.Error()}
		}
		if json.NewEncoder(conn).Encode(reply) != nil {
			return
		}
	}
}

// obey does what a node asks. What was begun goes on when the asker has been killed: a mount is the kernel's work.
func (n *node) obey(l *life, request wire.HardwareRequest, reply *wire.HardwareAnswer) error {
	switch request.Op {
	case "start":
		return n.m.san.start(l.ctx, n.Name, request.Target)
	case "stop":
		return n.m.san.stop(l.ctx, n.Name, request.Target)
	case "mounted":
		reply.Mounted = n.m.san.mounted(n.Name)
		return nil
	case "disks":
		reply.Disks = n.m.cfg.Targets
		return nil
	case "reboot":
		return l.init.Process.Signal(syscall.SIGINT)
	case "poweroff":
		return l.init.Process.Signal(syscall.SIGTERM)
	case "power":
		return n.switchPower(request, reply)
	}
	return fmt.Errorf("the hardware cannot %q", request.Op)
}

// switchPower is the power switch that fence agents reach.
func (n *node) switchPower(request wire.HardwareRequest, reply *wire.HardwareAnswer) error {
	victim, err := n.m.node(request.Node)
	if err != nil {
		return err
	}
	fencing := wire.Fencing{Asked: n.m.san.now(), By: n.Name, Victim: victim.Name, Action: request.Action}
	switch request.Action {
	case "status":
		reply.Power = powerOn
		if _, power := victim.now(); power == powerOff {
			reply.Power = powerOff
		}
		return nil
	case "on":
		return victim.on("asked by " + n.Name)
	case "off", "reboot":
		victim.off("fenced by " + n.Name)
		n.m.san.fenced(fencing)
		if request.Action == "reboot" {
			victim.onAfterPost(n.m.cfg.Post)
		}
		return nil
	case "":
		return errors.New("power: which action?")
	}
	return fmt.Errorf("the power switch cannot %q", request.Action)
}
