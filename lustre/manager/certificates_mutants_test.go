package manager_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
)

// What has no suffix beside the certificates is none of them, and stops nothing.
func TestAFileBesideTheCertificates(t *testing.T) {
	s := newScene(t, lustretest.ManagerOptions{Certificates: []string{"authority.pem", "authority.crt", "manager.crt", "manager.pem", "settings"}}, nil)
	_, err := s.run(t, s.clone(), &evenkeel.MemJournal{})
	require.NoError(t, err)
}
