package sshexec

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// Auth says how to log in. Keys are tried in the order given here; the password last. The agent is never forwarded.
type Auth struct {
	Keys       []ssh.Signer                         // keys at hand
	KeyFiles   []string                             // private keys in files, read at the first connection
	Passphrase func(keyFile string) (Secret, error) // asked once for each file that is encrypted
	Agent      bool                                 // the keys of the agent behind SSH_AUTH_SOCK
	Password   func() (Secret, error)               // asked once
}

// ErrAuth means that the machine took none of the keys and passwords offered.
var ErrAuth = errors.New("the host refused every way to log in that was offered")

// login is Auth with what it has found out, so that a reconnect at night asks nobody for anything.
type login struct {
	auth Auth

	mu       sync.Mutex
	files    map[string]ssh.Signer
	password *Secret
}

// methods are the ways to log in for one connection; done gives back what they hold.
func (l *login) methods(ctx context.Context) (list []ssh.AuthMethod, done func(), err error) {
	done = func() {}
	signers := append([]ssh.Signer(nil), l.auth.Keys...)
	for _, file := range l.auth.KeyFiles {
		s, err := l.fromFile(file)
		var locked *ssh.PassphraseMissingError
		switch {
		case errors.As(err, &locked) && l.auth.Agent:
			continue // the agent has it, or nobody
		case err != nil:
			return nil, done, err
		}
		signers = append(signers, s)
	}
	var fromAgent func() ([]ssh.Signer, error)
	if l.auth.Agent {
		conn, err := dialAgent(ctx)
		if err != nil {
			return nil, done, err
		}
		done = func() { _ = conn.Close() }
		fromAgent = agent.NewClient(conn).Signers
	}
	if len(signers) > 0 || fromAgent != nil {
		// One method for all keys: x/crypto tries each kind of method once.
		list = append(list, ssh.PublicKeysCallback(func() ([]ssh.Signer, error) {
			if fromAgent == nil {
				return signers, nil
			}
			more, err := fromAgent()
			if err != nil {
				return nil, fmt.Errorf("cannot list the agent's keys: %w", err)
			}
			return append(signers[:len(signers):len(signers)], more...), nil
		}))
	}
	if l.auth.Password != nil {
		list = append(list, ssh.PasswordCallback(l.askPassword), ssh.KeyboardInteractive(l.answer))
	}
	return list, done, nil
}

func (l *login) fromFile(file string) (ssh.Signer, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s, ok := l.files[file]; ok {
		return s, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read the private key: %w", err)
	}
	s, err := ssh.ParsePrivateKey(pem)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) && l.auth.Passphrase != nil {
		phrase, perr := l.auth.Passphrase(file)
		if perr != nil {
			return nil, fmt.Errorf("cannot get the passphrase of %s: %w", file, perr)
		}
		s, err = ssh.ParsePrivateKeyWithPassphrase(pem, []byte(phrase.Reveal()))
	}
	if err != nil {
		return nil, fmt.Errorf("cannot use the private key %s: %w", file, err)
	}
	if l.files == nil {
		l.files = map[string]ssh.Signer{}
	}
	l.files[file] = s
	return s, nil
}

func (l *login) askPassword() (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.password == nil {
		p, err := l.auth.Password()
		if err != nil {
			return "", fmt.Errorf("cannot get the password: %w", err)
		}
		l.password = &p
	}
	return l.password.Reveal(), nil
}

// answer serves hosts that ask for the password in a dialogue; any other question is left unanswered, which fails the login.
func (l *login) answer(_, _ string, questions []string, echos []bool) ([]string, error) {
	answers := make([]string, len(questions))
	for i := range questions {
		if echos[i] {
			return nil, fmt.Errorf("the host asks %q, which is not for a password", questions[i])
		}
		p, err := l.askPassword()
		if err != nil {
			return nil, err
		}
		answers[i] = p
	}
	return answers, nil
}

func dialAgent(ctx context.Context) (net.Conn, error) {
	path := os.Getenv("SSH_AUTH_SOCK")
	if path == "" {
		return nil, errors.New("cannot ask the agent: SSH_AUTH_SOCK is not set")
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("cannot reach the agent: %w", err)
	}
	return conn, nil
}

// forgetPassword makes the next login ask again, since the host refused.
func (l *login) forgetPassword() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.password = nil
}
