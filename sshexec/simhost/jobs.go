package simhost

import "github.com/evenkeel-ha/evenkeel/sshexec"

// jobs are the commands that run on their own on a host.
type jobs sshexec.SimJobs

// answer is what the host says of a job that is there, and to a look at one.
func (j jobs) answer(cmd sshexec.Cmd, job sshexec.SimJob) (string, bool) {
	if job.Dir == "" {
		return sshexec.SimJobs(j).Look(cmd)
	}
	text := sshexec.SimJobs(j).Started(job)
	return text, text != ""
}

// ends keeps how the command of a job ended, and answers its start. Where there is no job, the answer is the command's.
func (h *Host) ends(job sshexec.SimJob, res sshexec.Result) sshexec.Result {
	if job.Dir == "" {
		return res
	}
	if h.jobs == nil {
		h.jobs = jobs{}
	}
	job.End = res
	h.jobs[job.Dir] = job
	return sshexec.Result{Outcome: sshexec.Exited, Stdout: []byte("started\n"), HostKey: res.HostKey}
}
