// Command go-tuf refreshes a TUF repository and downloads one target with go-tuf's own client.
//
//	go-tuf METADATA_URL TARGETS_URL ROOT STATE_DIR TARGET OUT_FILE
//
// STATE_DIR holds what was accepted before; ROOT is trusted where it is empty.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 6 {
		return errors.New("usage: go-tuf METADATA_URL TARGETS_URL ROOT STATE_DIR TARGET OUT_FILE")
	}
	root, err := os.ReadFile(filepath.Join(args[3], "root.json"))
	if errors.Is(err, os.ErrNotExist) {
		root, err = os.ReadFile(args[2])
	}
	if err != nil {
		return err
	}
	cfg, err := config.New(args[0], root)
	if err != nil {
		return err
	}
	cfg.LocalMetadataDir = args[3]
	cfg.LocalTargetsDir = args[3]
	cfg.RemoteTargetsURL = args[1]
	up, err := updater.New(cfg)
	if err != nil {
		return err
	}
	if err := up.Refresh(); err != nil {
		return err
	}
	info, err := up.GetTargetInfo(args[4])
	if err != nil {
		return err
	}
	_, _, err = up.DownloadTarget(info, args[5], args[1])
	return err
}
