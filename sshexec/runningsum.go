package sshexec

import (
	"crypto/sha256"
	"sync"
)

// runningSum takes the sha256 of what is written to it on a processor of its own: taken in turn with the encryption, it
// would make a fast link wait.
type runningSum struct {
	mu     sync.Mutex // held while writing
	ended  bool
	full   chan []byte // to be summed
	free   chan []byte // to be filled
	done   chan struct{}
	digest string
}

// sumBuffers is how many pieces may wait to be summed.
const sumBuffers = 8

func newRunningSum() *runningSum {
	s := &runningSum{full: make(chan []byte, sumBuffers), free: make(chan []byte, sumBuffers), done: make(chan struct{})}
	for range sumBuffers {
		s.free <- nil
	}
	go func() {
		defer close(s.done)
		h := sha256.New()
		for p := range s.full {
			_, _ = h.Write(p)
			s.free <- p
		}
		s.digest = hexSum(h)
	}()
	return s
}

// Write never fails. What comes after the end, from a reader that was left behind, is dropped.
func (s *runningSum) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.full <- append((<-s.free)[:0], p...)
	}
	return len(p), nil
}

// end gives the sum, in hexadecimal; it may be called again.
func (s *runningSum) end() string {
	s.mu.Lock()
	if !s.ended {
		s.ended = true
		close(s.full)
	}
	s.mu.Unlock()
	<-s.done
	return s.digest
}

// sumBeside has the far side take the sum of a big file while it is copied, of a smaller one afterwards. What is copied
// is written to it. On a connection that allows one session only, the sum waits for the copy by itself.
type sumBeside struct {
	take func(size int64) (string, error)

	mu     sync.Mutex
	size   int64
	ended  bool
	begun  chan struct{} // closed when the sum is there; nil as long as none is being taken
	digest string
	err    error
}

// Write never fails.
func (s *sumBeside) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return len(p), nil
	}
	if s.size += int64(len(p)); s.size < bigFile || s.begun != nil {
		return len(p), nil
	}
	s.begun = make(chan struct{})
	go func(size int64) {
		defer close(s.begun)
		s.digest, s.err = s.take(size)
	}(s.size)
	return len(p), nil
}

// sum is the far side's sum.
func (s *sumBeside) sum() (string, error) {
	if !s.end() {
		return s.take(s.size)
	}
	return s.digest, s.err
}

// end waits for a sum that is being taken, and is false when there is none.
func (s *sumBeside) end() bool {
	s.mu.Lock()
	s.ended = true
	begun := s.begun
	s.mu.Unlock()
	if begun == nil {
		return false
	}
	<-begun
	return true
}
