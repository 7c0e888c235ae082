module.exports = (grunt) => {
  const scene = JSON.parse(process.env.TINIFY_SCENE);
  grunt.initConfig({
    tinypng: {
      options: { apiKey: scene.key, checkSigs: true, sigFile: `${scene.out}/signatures.json`, summarize: true },
      all: { expand: true, cwd: scene.in, src: ["*.jpg", "*.png"], dest: scene.out },
    },
  });
  grunt.loadNpmTasks("grunt-tinypng");
  grunt.registerTask("default", ["tinypng"]);
};
