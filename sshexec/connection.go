package sshexec

import (
	"errors"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// connection is one live SSH connection.
type connection struct {
	ssh     *ssh.Client
	line    *lastWords
	hostKey string        // its fingerprint
	used    atomic.Int64  // how many commands it had
	bash    atomic.Bool   // the login shell is known to be bash
	done    chan struct{} // closed when the connection has ended
}

// errEnded is what is wrong when a connection ends before anything was sent on it.
var errEnded = errors.New("the connection has ended")

func (c *connection) alive() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// watch closes done when the connection ends, and ends it when the host has stopped answering.
func (c *connection) watch(every time.Duration, misses int) {
	ended := make(chan struct{})
	go func() {
		_ = c.ssh.Wait()
		close(ended)
	}()
	defer close(c.done)
	if every <= 0 {
		<-ended
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	answered := make(chan struct{}, 1)
	answered <- struct{}{}
	for missed := 0; ; {
		select {
		case <-ended:
			return
		case <-tick.C:
		}
		select {
		case <-answered:
			missed = 0
			go func() {
				// Any answer will do; an error means that the connection has ended, which ended says too.
				_, _, _ = c.ssh.SendRequest("keepalive@openssh.com", true, nil)
				answered <- struct{}{}
			}()
		default:
			if missed++; missed >= misses {
				_ = c.ssh.Close()
				<-ended
				return
			}
		}
	}
}

// lastWords delays the news that a connection has ended for as long as someone may be about to ask for a channel on it.
// On that news x/crypto tells everybody who waits for a channel; who asks just afterwards, it lets wait for ever,
// because it does not report a write that fails to the one who wrote.
type lastWords struct {
	net.Conn
	ended atomic.Bool
	open  atomic.Int64 // how many asked and have no answer yet
	asked atomic.Int64 // Unix nanoseconds of the last ask
}

// askTime is how long it may take from ask to the entry in x/crypto's list of channels: no time at all, unless the machine is busy.
const askTime = 50 * time.Millisecond

// ask must come before every request for a channel, and it forbids the request when it returns false. When it returns
// true, answered must follow the answer.
func (c *lastWords) ask() bool {
	c.asked.Store(time.Now().UnixNano())
	c.open.Add(1)
	if c.ended.Load() {
		c.open.Add(-1)
		return false
	}
	return true
}

func (c *lastWords) answered() { c.open.Add(-1) }

func (c *lastWords) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.ended.Store(true)
		if c.open.Load() > 0 {
			time.Sleep(time.Until(time.Unix(0, c.asked.Load()).Add(askTime)))
		}
	}
	return n, err
}
