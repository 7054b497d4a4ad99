package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// asCommand in the environment makes the test's program the command.
const asCommand = "TXT2IMG_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(m.Run())
}

// process is the command as a process of its own, in the working folder.
func process(t *testing.T, args ...string) *exec.Cmd {
	self, err := os.Executable()
	require.NoError(t, err)
	c := exec.CommandContext(t.Context(), self, args...)
	c.Env = append(os.Environ(), asCommand+"=1")
	return c
}

// status waits for a process to end.
func status(c *exec.Cmd) int {
	c.Wait()
	return c.ProcessState.ExitCode()
}

var tiny = []string{"-width", "16", "-height", "16", "-steps", "2", "a red house"}

// Standard output gets the bytes of the file, and nothing else.
func TestStandardOutput(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, process(t, append(tiny, "-o", "out.png")...).Run())
	file, err := os.ReadFile("out.png")
	require.NoError(t, err)
	for _, flags := range [][]string{nil, {"-quiet"}} {
		var stdout, stderr bytes.Buffer
		c := process(t, append(flags, append(tiny, "-o", "-")...)...)
		c.Stdout, c.Stderr = &stdout, &stderr
		require.NoError(t, c.Run(), stderr.String())
		assert.Equal(t, file, stdout.Bytes())
		assert.Equal(t, flags == nil, strings.Contains(stderr.String(), "standard output (seed 1): load "), stderr.String())
	}
}

// Nobody may want the progress any more.
func TestClosedProgress(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, stdout := range map[string]string{"file": "out.png", "standard output": "-"} {
		t.Run(name, func(t *testing.T) {
			read, write, err := os.Pipe()
			require.NoError(t, err)
			require.NoError(t, read.Close())
			var picture bytes.Buffer
			c := process(t, append(tiny, "-o", stdout)...)
			c.Stdout, c.Stderr = &picture, write
			require.NoError(t, c.Run())
			require.NoError(t, write.Close())
			if stdout == "out.png" {
				data, err := os.ReadFile(stdout)
				require.NoError(t, err)
				picture.Write(data)
			}
			assert.True(t, bytes.HasPrefix(picture.Bytes(), []byte("\x89PNG")))
		})
	}
}

// A picture that nobody reads is an error.
func TestClosedOutput(t *testing.T) {
	read, write, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, read.Close())
	var stderr bytes.Buffer
	c := process(t, append(tiny, "-o", "-", "-quiet")...)
	c.Stdout, c.Stderr = write, &stderr
	assert.Error(t, c.Run())
	require.NoError(t, write.Close())
	assert.Equal(t, 1, c.ProcessState.ExitCode())
	assert.Contains(t, stderr.String(), "txt2img: -o: standard output: ")
}

// Signals end a run with a status of their own, and leave no file.
func TestSignals(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no signals")
	}
	for signal, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGKILL: -1} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Chdir(t.TempDir())
			c := process(t, "-steps", "900", "-n", "2", "a red house")
			stderr, err := c.StderrPipe()
			require.NoError(t, err)
			require.NoError(t, c.Start())
			lines := bufio.NewReader(stderr)
			first, err := lines.ReadString('\n')
			require.NoError(t, err)
			assert.Contains(t, first, "step 1/9")
			require.NoError(t, c.Process.Signal(signal))
			rest, err := io.ReadAll(lines)
			require.NoError(t, err)
			assert.Equal(t, want, status(c))
			assert.Equal(t, want > 0, strings.HasSuffix(string(rest), "\ntxt2img: interrupted\n") || string(rest) == "txt2img: interrupted\n", "%s", rest)
			entries, err := os.ReadDir(".")
			require.NoError(t, err)
			assert.Empty(t, entries)
		})
	}
}

// An interrupt ends the wait for a prompt, too.
func TestInterruptedPrompt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no signals")
	}
	t.Chdir(t.TempDir())
	c := process(t, "-")
	stdin, err := c.StdinPipe()
	require.NoError(t, err)
	defer stdin.Close()
	var stderr bytes.Buffer
	c.Stderr = &stderr
	require.NoError(t, c.Start())
	_, err = io.WriteString(stdin, strings.Repeat("red ", 1<<16)) // more than a pipe holds: it is read
	require.NoError(t, err)
	require.NoError(t, c.Process.Signal(os.Interrupt))
	assert.Equal(t, 130, status(c))
	assert.Equal(t, "txt2img: interrupted\n", stderr.String())
}
