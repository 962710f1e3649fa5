package sshexectest

import (
	"bytes"
	"context"
	"io"
	"net"
	"strconv"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/evenkeel-ha/evenkeel/sshexec/internal/execline"
)

// serve talks with one client until the connection ends.
func (s *Server) serve(raw net.Conn) {
	if s.fault().StallHandshake {
		_, _ = io.Copy(io.Discard, raw) // until it is cut
		return
	}
	conn, channels, requests, err := ssh.NewServerConn(raw, s.serverConfig())
	if err != nil {
		return
	}
	s.wg.Go(func() { s.answerGlobal(requests) })
	for c := range channels {
		switch {
		case c.ChannelType() == "session":
			s.session(conn, c)
		case c.ChannelType() == "direct-tcpip" && s.cfg.Forward:
			s.wg.Go(func() { s.forward(c) })
		default:
			_ = c.Reject(ssh.Prohibited, "not served")
		}
	}
	_ = conn.Close()
}

func (s *Server) answerGlobal(requests <-chan *ssh.Request) {
	for r := range requests {
		if r.WantReply && !s.fault().StallRequests {
			_ = r.Reply(false, nil)
		}
	}
}

func (s *Server) session(conn *ssh.ServerConn, c ssh.NewChannel) {
	switch f := s.fault(); {
	case f.StallSessions:
		return
	case f.RefuseSessions:
		if f.RefuseOnce {
			f.RefuseSessions = false
			s.SetFaults(f)
		}
		_ = c.Reject(ssh.ResourceShortage, "no more sessions")
		return
	}
	ch, requests, err := c.Accept()
	if err != nil {
		return
	}
	s.wg.Go(func() { s.serveSession(conn, ch, requests) })
}

// serveSession answers the requests of one session; the first "exec" starts its command.
func (s *Server) serveSession(conn *ssh.ServerConn, ch ssh.Channel, requests <-chan *ssh.Request) {
	var (
		started bool
		cancel  = func() {}
		left    = make(chan struct{}) // closed when the client has closed the session
	)
	defer close(left)
	for r := range requests {
		ok := false
		switch r.Type {
		case "exec":
			var msg struct{ Line string }
			f := s.fault()
			if started || ssh.Unmarshal(r.Payload, &msg) != nil {
				break
			}
			probe := msg.Line == execline.BashProbe
			if !probe {
				s.mu.Lock()
				s.lines = append(s.lines, msg.Line)
				s.mu.Unlock()
			}
			if f.RefuseExec {
				break
			}
			started = true
			if f.StallExec {
				continue
			}
			_ = r.Reply(true, nil)
			if probe {
				if s.cfg.Bash {
					_, _ = io.WriteString(ch, execline.BashAnswer)
				}
				_ = ch.Close()
				continue
			}
			if f.CutBefore {
				_ = conn.Close()
				continue
			}
			ctx, stop := s.derive()
			cancel = stop
			s.wg.Go(func() {
				defer stop()
				s.run(ctx, conn, ch, msg.Line, left)
			})
			continue
		case "subsystem":
			var msg struct{ Name string }
			if started || s.cfg.Subsystem == nil || ssh.Unmarshal(r.Payload, &msg) != nil {
				break
			}
			serve, has := s.cfg.Subsystem(msg.Name)
			if !has {
				break
			}
			started = true
			_ = r.Reply(true, nil)
			s.wg.Go(func() {
				serve(ch)
				_ = ch.Close()
			})
			continue
		case "env":
			ok = true // taken and not heeded, as sshd does with names it does not accept
		case "signal":
			var msg struct{ Name string }
			if ssh.Unmarshal(r.Payload, &msg) == nil && !s.fault().IgnoreSignals {
				switch msg.Name {
				case "TERM", "KILL", "INT", "HUP":
					cancel()
				}
				ok = true
			}
		}
		if r.WantReply {
			_ = r.Reply(ok, nil)
		}
	}
	_ = ch.Close()
}

// run runs the command and tells the client its end.
func (s *Server) run(ctx context.Context, conn *ssh.ServerConn, ch ssh.Channel, line string, left <-chan struct{}) {
	req := Request{User: conn.User(), Line: line, Stdin: ch, Stdout: ch, Stderr: ch.Stderr()}
	var late, lateErr bytes.Buffer
	if f := s.fault(); f.Reorder || f.CutOutput || f.Late > 0 {
		req.Stdout, req.Stderr = &late, &lateErr
	}
	exit := s.cfg.Handler(ctx, req)
	f := s.fault()
	if exit.Drop || f.CutAfter {
		_ = conn.Close()
		return
	}
	if !f.OmitExit {
		if exit.Signal != "" {
			_, _ = ch.SendRequest("exit-signal", false, ssh.Marshal(struct {
				Signal     string
				CoreDumped bool
				Message    string
				Language   string
			}{Signal: exit.Signal}))
		} else {
			_, _ = ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(exit.Code)}))
		}
	}
	if f.CutOutput {
		_ = conn.Close()
		return
	}
	select {
	case <-time.After(f.Late):
	case <-ctx.Done():
	}
	_, _ = ch.Stderr().Write(lateErr.Bytes())
	_, _ = ch.Write(late.Bytes())
	if exit.Rest != nil {
		exit.Rest(left)
	}
	_ = ch.Close()
}

// forward carries bytes between a client and the address that it asked for.
func (s *Server) forward(c ssh.NewChannel) {
	var msg struct {
		Host       string
		Port       uint32
		OriginHost string
		OriginPort uint32
	}
	if ssh.Unmarshal(c.ExtraData(), &msg) != nil {
		_ = c.Reject(ssh.ConnectionFailed, "unreadable request")
		return
	}
	ctx, cancel := s.derive()
	defer cancel()
	dial := s.cfg.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	to, err := dial(ctx, "tcp", net.JoinHostPort(msg.Host, strconv.Itoa(int(msg.Port))))
	if err != nil {
		_ = c.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	ch, requests, err := c.Accept()
	if err != nil {
		_ = to.Close()
		return
	}
	s.wg.Go(func() { ssh.DiscardRequests(requests) })
	s.wg.Go(func() {
		_, _ = io.Copy(ch, to)
		_ = ch.Close()
	})
	_, _ = io.Copy(to, ch)
	_ = to.Close()
}
