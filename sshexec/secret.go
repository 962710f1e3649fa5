package sshexec

import "github.com/evenkeel-ha/evenkeel/sshexec/secret"

// Secret is a value that must not be seen: it prints, formats, logs and marshals as "[redacted]". See [secret.Secret].
type Secret = secret.Secret
