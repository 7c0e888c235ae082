package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	leanpix "example.org/leanpix"
)

func open(path string) *os.File {
	file, err := os.Open(path)
	must(err)
	return file
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	base, key, picture, archive := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	config := leanpix.NewConfiguration()
	config.Servers = leanpix.ServerConfigurations{{URL: base}}
	config.AddDefaultHeader("X-API-KEY", key)
	client := leanpix.NewAPIClient(config)
	ctx := context.WithValue(context.Background(), leanpix.ContextBasicAuth, leanpix.BasicAuth{UserName: "api", Password: key})

	upload, answer, err := client.TinifyAPI.Shrink(ctx).Body(open(picture)).Execute()
	must(err)
	name := strings.TrimPrefix(answer.Header.Get("Location"), "/output/")
	method, kind := "scale", "image/webp"
	side := int32(20)
	width := leanpix.TinifyResizeWidth{Int32: &side}
	resize := leanpix.TinifyResize{Method: &method, Width: *leanpix.NewNullableTinifyResizeWidth(&width)}
	convert := leanpix.TinifyConvert{Type: &leanpix.TinifyConvertType{String: &kind}}
	commands := leanpix.TinifyCommands{
		Resize:  *leanpix.NewNullableTinifyCommandsResize(&leanpix.TinifyCommandsResize{TinifyResize: &resize}),
		Convert: *leanpix.NewNullableTinifyCommandsConvert(&leanpix.TinifyCommandsConvert{TinifyConvert: &convert}),
	}
	_, made, err := client.TinifyAPI.MakeOutput(ctx, name).MakeOutputRequest(leanpix.MakeOutputRequest{TinifyCommands: &commands}).Execute()
	must(err)
	quality := int32(50)
	batch, _, err := client.BatchesAPI.CreateBatch(ctx).Archive(open(archive)).Quality(leanpix.CreateRequestQuality{Int32: &quality}).Execute()
	must(err)
	fmt.Println(made.Header.Get("Content-Type"), upload.Output.Width)
	fmt.Println(batch.Data.BatchId)
}
