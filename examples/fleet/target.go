package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/user"
	"time"

	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/log"

	"github.com/evenkeel-ha/evenkeel/examples/fleet/course"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/flow"
	"github.com/evenkeel-ha/evenkeel/examples/fleet/site"
)

// target is the server and the fleet that a command is for.
type target struct {
	address, namespace, fleet string

	used string // the namespace that was dialled
}

// dial connects to the server. The environment has what must not be on a command line: keys, certificates.
func (t *target) dial(ctx context.Context, warnings io.Writer) (client.Client, error) {
	opts, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return nil, fmt.Errorf("the configuration of the Temporal client: %w", err)
	}
	if t.address != "" {
		opts.HostPort = t.address
	}
	if t.namespace != "" {
		opts.Namespace = t.namespace
	}
	t.used = opts.Namespace
	opts.Logger = log.NewStructuredLogger(slog.New(slog.NewTextHandler(warnings, &slog.HandlerOptions{Level: slog.LevelError})))
	c, err := client.DialContext(ctx, opts)
	if err != nil {
		return nil, fmt.Errorf("cannot reach the Temporal server at %s: %w", opts.HostPort, err)
	}
	return c, nil
}

// open reads the fleet and connects to the server.
func (t *target) open(ctx context.Context) (*site.Site, client.Client, error) {
	s, err := site.Read(t.fleet)
	if err != nil {
		return nil, nil, err
	}
	c, err := t.dial(ctx, os.Stderr)
	return s, c, err
}

// word is what the operator at this machine says.
func word(by, text string) course.Word {
	if by == "" {
		by = "unknown"
		if u, err := user.Current(); err == nil {
			by = u.Username
		}
		if host, err := os.Hostname(); err == nil {
			by += "@" + host
		}
	}
	return course.Word{By: by, At: time.Now().UTC().Truncate(time.Second), Text: text}
}

// hasAttributes tells whether the server has the search attributes.
func (t *target) hasAttributes(ctx context.Context, c client.Client) bool {
	is, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: t.used})
	if err != nil { // not every user may ask
		return false
	}
	for _, name := range []string{flow.AttributePair.GetName(), flow.AttributeStep.GetName(), flow.AttributeState.GetName()} {
		if _, ok := is.GetCustomAttributes()[name]; !ok {
			return false
		}
	}
	return true
}
