package web

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/kitout/kitout/generator"
)

// download is a file that the browser saves.
type download struct {
	name, kind string
	content    []byte
}

func (d *download) send(w http.ResponseWriter) {
	w.Header().Set("Content-Type", d.kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(d.content)))
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", d.name))
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(d.content) // the browser has gone
}

// stamp is the date of every file: the same answers give the same archive, and a zip knows none before.
var stamp = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// archive packs the repository into a folder of its name.
func (b *builder) archive(sent *request) (any, error) {
	formats := map[string]struct {
		kind string
		pack func(io.Writer, string, []generator.File) error
	}{"tar.gz": {"application/gzip", packTar}, "zip": {"application/zip", packZip}}
	format, found := formats[sent.Format]
	if !found {
		return nil, notThere{fmt.Sprintf("there is no archive of the format %q", sent.Format)}
	}
	plan, files, err := b.build(sent.Answers)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := format.pack(&out, plan.Answers.Name+"/", files); err != nil {
		return nil, err
	}
	return &download{plan.Answers.Name + "." + sent.Format, format.kind, out.Bytes()}, nil
}

func packTar(w io.Writer, folder string, files []generator.File) error {
	zipped := gzip.NewWriter(w)
	archive := tar.NewWriter(zipped)
	for _, file := range files {
		header := &tar.Header{Name: folder + file.Path, Mode: int64(file.Mode), Size: int64(len(file.Content)), ModTime: stamp, Format: tar.FormatPAX}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(file.Content); err != nil {
			return err
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return zipped.Close()
}

func packZip(w io.Writer, folder string, files []generator.File) error {
	archive := zip.NewWriter(w)
	for _, file := range files {
		header := &zip.FileHeader{Name: folder + file.Path, Method: zip.Deflate, Modified: stamp}
		header.SetMode(file.Mode)
		entry, err := archive.CreateHeader(header)
		if err != nil {
			return err
		}
		if _, err := entry.Write(file.Content); err != nil {
			return err
		}
	}
	return archive.Close()
}
