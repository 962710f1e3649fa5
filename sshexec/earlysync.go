package sshexec

import (
	"errors"
	"os"
	"sync"
)

// earlySync is a file that begins to go to the disk while it is still being written, so that little is left to wait for at the end.
type earlySync struct {
	*os.File
	unsynced int64
	running  sync.Mutex // held while a sync runs
	all      sync.WaitGroup

	mu  sync.Mutex
	err error // of the syncs: the kernel tells a lost write once only, and the last sync may be content
}

// syncEvery is how many bytes come between two syncs.
const syncEvery = 32 << 20

// Write writes to the file. One sync runs at a time.
func (f *earlySync) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	if f.unsynced += int64(n); f.unsynced >= syncEvery && f.running.TryLock() {
		f.unsynced = 0
		f.all.Go(func() {
			defer f.running.Unlock()
			err := f.Sync()
			f.mu.Lock()
			defer f.mu.Unlock()
			f.err = errors.Join(f.err, err)
		})
	}
	return n, err
}

// wait lets no sync outlive the file, and tells what they said.
func (f *earlySync) wait() error {
	f.all.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}
