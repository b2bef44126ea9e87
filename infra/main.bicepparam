using 'main.bicep'

// What is left out keeps its default; main.bicep says what each is for. azd sets the two AZURE_ variables itself.
param name = readEnvironmentVariable('AZURE_ENV_NAME', 'vizsla')
param vaultWriter = readEnvironmentVariable('AZURE_PRINCIPAL_ID', '')
param sinks = ['memory']
param vaultSettings = []
param settings = {}
param comments = false
param grantGraphRights = false
param privateNetwork = false
param workspaceId = ''
param tags = {}
