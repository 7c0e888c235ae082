// What the client has: compress, resize. Arguments: the folders of the pictures and of the results, the key.
package main

import (
	"log"
	"os"

	"github.com/gwpp/tinify-go/tinify"
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	in, out := os.Args[1], os.Args[2]
	Tinify.SetKey(os.Args[3])
	for _, name := range []string{"a.jpg", "b.png"} {
		source, err := Tinify.FromFile(in + "/" + name)
		check(err)
		check(source.ToFile(out + "/" + name))
	}
	source, err := Tinify.FromFile(in + "/a.jpg")
	check(err)
	check(source.Resize(&Tinify.ResizeOption{Method: Tinify.ResizeMethodFit, Width: 60, Height: 60}))
	check(source.ToFile(out + "/fit.jpg"))
	check(source.Resize(&Tinify.ResizeOption{Method: Tinify.ResizeMethodScale, Width: 60}))
	check(source.ToFile(out + "/scaled.jpg"))
}
