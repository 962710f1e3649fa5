package sshexectest

import (
	"net"
	"time"
)

// slowConn is a connection over a slow line.
type slowConn struct {
	net.Conn
	rate func() int // bytes a second at this moment; no bound when 0
}

// slowStep is how many times a second the line carries something.
const slowStep = 100

func (c *slowConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p[:c.most(len(p))])
	c.wait(n)
	return n, err
}

func (c *slowConn) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n, err := c.Conn.Write(p[done : done+c.most(len(p)-done)])
		done += n
		if err != nil {
			return done, err
		}
		c.wait(n)
	}
	return done, nil
}

// most is how much the line takes at a time.
func (c *slowConn) most(n int) int {
	if rate := c.rate(); rate > 0 {
		return min(n, max(rate/slowStep, 1))
	}
	return n
}

func (c *slowConn) wait(n int) {
	if rate := c.rate(); rate > 0 && n > 0 {
		time.Sleep(time.Duration(n) * time.Second / time.Duration(rate))
	}
}
