//go:build linux

// Pairlabd is the one program of a lab: the supervisor around the nodes, the nodes' PID 1, their systemctl, every
// stand-in, and the command line for people. The name by which it is called says which.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/evenkeel-ha/evenkeel/internal/pairlab/image"
	"github.com/evenkeel-ha/evenkeel/internal/pairlab/initd"
	"github.com/evenkeel-ha/evenkeel/internal/pairlab/machine"
	"github.com/evenkeel-ha/evenkeel/internal/pairlab/standin"
)

func main() {
	os.Exit(run(filepath.Base(os.Args[0]), os.Args[1:]))
}

func run(name string, args []string) int {
	switch name {
	case machine.InitName:
		return initd.Main(os.NewFile(machine.FDBooted, "booted"))
	case "systemctl":
		return initd.Systemctl(args)
	case "cat":
		return machine.Cat(args)
	}
	if exit, known := standin.Main(os.Args[0], args); known {
		return exit
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	exit, err := command(ctx, args)
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "pairlabd:", err)
		return max(exit, 1)
	}
	return exit
}

// command is one of the lab's parts, or what the operator wants.
func command(ctx context.Context, args []string) (exit int, err error) {
	if len(args) == 0 {
		args = []string{"help"}
	}
	switch name, args := args[0], args[1:]; name {
	case "supervise":
		return 0, machine.Supervise(os.Stdin, os.Stdout, len(args) > 0 && args[0] == "detached")
	case "boot-node":
		return 0, machine.BootNode()
	case "build-image":
		if len(args) != 1 {
			return 2, errors.New("build-image wants one directory")
		}
		return 0, image.Build(ctx, args[0], os.Stderr)
	case "idle": // a service that does nothing but run
		<-ctx.Done()
		return 0, nil
	default:
		return person(ctx, name, args)
	}
}
