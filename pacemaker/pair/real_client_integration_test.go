//go:build integration

package pair_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab"
)

// user uses a service of the pair once every 100 ms, from outside, and notes when it had no answer.
type user struct {
	name string
	use  func(context.Context) error

	mu   sync.Mutex
	uses []use
}

// use is one use, whether the one before has ended or not.
type use struct {
	at  time.Time
	err error // nil when it was answered within a second
}

// outage is from the first use without an answer to the next one with an answer.
type outage struct {
	from, to time.Time // to is zero while it lasts
	why      error
}

const (
	useEvery  = 100 * time.Millisecond
	useWithin = time.Second
)

// browser reads the web site, a new connection each time.
func browser(addr string) *user {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return &user{name: "web site", use: func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/index.html", nil)
		if err != nil {
			return err
		}
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		text, err := io.ReadAll(res.Body)
		if err == nil && string(text) != pairlab.ServicesPage {
			err = fmt.Errorf("status %d, %q", res.StatusCode, text)
		}
		return err
	}}
}

// psql asks the database whether it is there.
func psql(addr string) *user {
	return &user{name: "database", use: func(ctx context.Context) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(addr, "5432"))
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		if end, ok := ctx.Deadline(); ok {
			_ = conn.SetDeadline(end)
		}
		text, err := io.ReadAll(conn)
		if err == nil && strings.TrimSpace(string(text)) != "ready" {
			err = fmt.Errorf("it says %q", text)
		}
		return err
	}}
}

// works uses the service until the test ends.
func (u *user) works(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		for tick := time.NewTicker(useEvery); ctx.Err() == nil; <-tick.C {
			at := time.Now()
			done.Go(func() {
				within, stop := context.WithTimeout(ctx, useWithin)
				defer stop()
				if err := u.use(within); ctx.Err() == nil {
					u.mu.Lock()
					defer u.mu.Unlock()
					u.uses = append(u.uses, use{at, err})
				}
			})
		}
	})
	t.Cleanup(func() { cancel(); done.Wait() })
}

// down are the outages so far.
func (u *user) down() (all []outage) {
	u.mu.Lock()
	defer u.mu.Unlock()
	slices.SortFunc(u.uses, func(a, b use) int { return a.at.Compare(b.at) })
	lasts := false
	for _, one := range u.uses {
		switch {
		case one.err != nil && !lasts:
			all = append(all, outage{from: one.at, why: one.err})
		case one.err == nil && lasts:
			all[len(all)-1].to = one.at
		}
		lasts = one.err != nil
	}
	return all
}

// served tells whether the last use was answered.
func (u *user) served() bool {
	all := u.down()
	return len(all) == 0 || !all[len(all)-1].to.IsZero()
}

// felt is what the user felt, a line an outage, each with the step that the journal was at.
func (u *user) felt(at func(time.Time) string) string {
	all := u.down()
	var b strings.Builder
	fmt.Fprintf(&b, "%s, used %d times, once every %s:\n", u.name, len(u.uses), useEvery)
	for _, d := range all {
		length := "and lasts"
		if !d.to.IsZero() {
			length = fmt.Sprintf("%.1f s", d.to.Sub(d.from).Seconds())
		}
		fmt.Fprintf(&b, "  down %s at %s, in %s (%v)\n", length, d.from.Format("15:04:05.0"), at(d.from), d.why)
	}
	return b.String()
}
