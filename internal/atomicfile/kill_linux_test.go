package atomicfile

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const inChild = "ATOMICFILE_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(inChild) != "" {
		f, err := Create("a")
		if err == nil {
			_, err = f.Write(make([]byte, 1<<16))
		}
		fmt.Println(f != nil && f.temporary == "", err)
		time.Sleep(time.Minute)
	}
	os.Exit(m.Run())
}

// Nothing is left of a process that is killed while it writes.
func TestKilled(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("a", []byte("old"), 0o666))
	self, err := os.Executable()
	require.NoError(t, err)
	child := exec.Command(self)
	child.Env = append(os.Environ(), inChild+"=1")
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, child.Process.Kill())
	child.Wait()
	require.NoError(t, err)
	if line == "false <nil>\n" {
		t.Skip("the file system has no unnamed files")
	}
	require.Equal(t, "true <nil>\n", line)
	assert.Equal(t, []string{"a"}, names(t, "."))
	assert.Equal(t, "old", read(t, "a"))
}
