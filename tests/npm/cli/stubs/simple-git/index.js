exports.simpleGit = () => ({});
